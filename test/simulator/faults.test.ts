import { afterEach, describe, expect, it } from 'vitest';
import { FetchError } from '../../src/fetch/errors.ts';
import { trae } from '../../src/providers/trae/index.ts';
import { ucloud } from '../../src/providers/ucloud/index.ts';
import { volcengineArk } from '../../src/providers/volcengine-ark/index.ts';
import type { Source } from '../../src/providers/provider.ts';
import { FAULTS, HOSTILE_FAULTS, HOSTILE_NAME, type Fault } from '../../src/simulator/faults.ts';
import { r9sSimulator } from '../../src/simulator/r9s.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { traeSimulator } from '../../src/simulator/trae.ts';
import { manyKeys, ucloudSimulator } from '../../src/simulator/ucloud.ts';
import { volcengineArkSimulator } from '../../src/simulator/volcengine-ark.ts';
import { createWorld, forgetting, type UsageEvent } from '../../src/simulator/world.ts';
import { connectTo } from '../support/simulated.ts';

const HOUR = 3600;
const START = Date.parse('2026-09-28T00:00:00Z') / 1000;
const WINDOW = { start: START, end: START + HOUR };
const NOW = START + 2 * HOUR;
/** The clock of `connectTo`. */
const ARK_NOW = Date.parse('2026-10-01T00:00:00Z');
const { signal } = new AbortController();

let simulator: Simulator;
afterEach(() => simulator.close());

function use(tags: UsageEvent['tags'], at: Partial<UsageEvent> = {}): UsageEvent {
  const fields = { input_tokens: 8, output_tokens: 2 };
  return { id: JSON.stringify(tags), time: START, visibleAt: START, tags, fields, ...at };
}

/** Whether the usage of `partition` could be read: the sum of its input tokens, or the kind of the error. */
async function outcome(source: Source, partitions: readonly string[]): Promise<unknown> {
  const all = await source.partitions(signal);
  const requested = all.filter(({ id }) => partitions.includes(id));
  expect(requested).toHaveLength(partitions.length);
  try {
    const request = { window: WINDOW, bucket: '1h', zone: 'UTC', partitions: requested, signal } as const;
    const { records } = await source.read(request);
    return records.reduce((sum, { fields }) => sum + Number(fields.input_tokens ?? 0), 0);
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    return error.kind;
  }
}

describe('a vendor that always fails for one partition answers for the others:', () => {
  const broken = ['broken@example.com', 'key-017', 'ep-broken'];

  it('Trae', async () => {
    const members = ['fine@example.com', 'broken@example.com'].map((email, id) => ({ id, email }));
    const world = createWorld(
      members.map(({ email }) => use({ user: email, model: 'm', model_type: 'Chat', model_source: 'Trae' })),
    );
    simulator = await traeSimulator({
      world,
      members,
      broken,
      now: () => NOW * 1e3,
      appId: 'a',
      appSecret: 's',
    });
    const source = connectTo(
      trae,
      { app_id: 'a', app_secret: 's', base_url: simulator.url },
      { attempts: 1, timeoutMs: 30_000 },
    );

    expect(await outcome(source, ['email:fine@example.com'])).toBe(8);
    expect(await outcome(source, ['email:broken@example.com'])).toBe('unavailable');
    expect(await outcome(source, ['email:fine@example.com', 'email:broken@example.com'])).toBe('unavailable');
  });

  it('UCloud, among 60 keys', async () => {
    const keys = manyKeys(60);
    const world = createWorld(keys.map(({ id }) => use({ key: id })));
    simulator = await ucloudSimulator({
      world,
      keys,
      broken,
      now: () => NOW * 1e3,
      maxWindowSeconds: 86400,
      publicKey: 'p',
      privateKey: 's',
      rowsPer: 'hour',
    });
    const source = connectTo(
      ucloud,
      { public_key: 'p', private_key: 's', base_url: simulator.url },
      { attempts: 1, timeoutMs: 30_000 },
    );

    expect(await outcome(source, ['key:key-016'])).toBe(8);
    expect(await outcome(source, ['key:key-017'])).toBe('unavailable');
    expect(await outcome(source, ['key:key-060'])).toBe(8);
  });

  it('Ark', async () => {
    const endpoints = ['ep-fine', 'ep-broken'].map((id) => ({
      id,
      project: 'default',
      model: 'm',
      version: '1',
    }));
    const world = createWorld(
      endpoints.map(({ id, project }) => use({ endpoint: id, project, scene: 'Ordinary' })),
    );
    simulator = await volcengineArkSimulator({
      world,
      endpoints,
      broken,
      now: () => ARK_NOW,
      tagged: true,
      accessKeyId: 'a',
      secretAccessKey: 's',
    });
    const source = connectTo(
      volcengineArk,
      { access_key_id: 'a', secret_access_key: 's', base_url: simulator.url },
      { attempts: 1, timeoutMs: 30_000 },
    );

    expect(await outcome(source, ['default/ep-fine'])).toBe(8);
    expect(await outcome(source, ['default/ep-broken'])).toBe('unavailable');
    expect(await outcome(source, ['default/ep-fine', 'default/ep-broken'])).toBe('unavailable');
  });
});

describe('the hostile answers of R9S', () => {
  async function answerTo(fault: Fault): Promise<Response> {
    const world = createWorld([use({ model: 'm' })]);
    simulator = await r9sSimulator({
      world,
      now: () => NOW * 1e3,
      managementKey: 'sk_mg_a',
      shape: 'list',
      maxPageSize: 100,
      faults: () => fault,
    });
    const headers = { authorization: 'Bearer sk_mg_a' };
    return fetch(`${simulator.url}/usage?start_time=${START}&end_time=${NOW}`, { headers });
  }

  it('are none of the faults that a collector recovers from', () => {
    expect(HOSTILE_FAULTS.filter((fault) => (FAULTS as readonly string[]).includes(fault))).toEqual([]);
  });

  it.each([
    ['long_digits', 400_000],
    ['huge_number', 5_000_000],
    ['too_large', 65 * 1024 * 1024],
    ['many_rows', 5_000_000],
  ] as const)('%s has more than %i characters', async (fault, length) => {
    const response = await answerTo(fault);
    expect(response.status).toBe(200);
    expect((await response.text()).length).toBeGreaterThan(length);
  });

  it('internal_error is HTTP 500', async () => {
    expect((await answerTo('internal_error')).status).toBe(500);
  });

  it('hostile_message is a refusal with escape codes', async () => {
    const { meta } = (await (await answerTo('hostile_message')).json()) as { meta: { message: string } };
    expect(meta.message).toBe(HOSTILE_NAME);
    expect(meta.message).toContain('\u001B[2J');
    expect(meta.message).toContain('\u202E');
  });

  it.each([
    ['overflowing_rows', ['9223372036854775807', '9223372036854775807']],
    ['negative_count', ['-1']],
  ] as const)('%s adds rows that cannot be summed', async (fault, counts) => {
    const text = await (await answerTo(fault)).text();
    expect([...text.matchAll(/"input_token":(-?\d+)/g)].map(([, count]) => count).slice(1)).toEqual(counts);
  });
});

describe('a world', () => {
  const at = (time: number, more: Partial<UsageEvent>): UsageEvent => use({ user: 'u' }, { time, ...more });
  const sum = (world: ReturnType<typeof createWorld>, start: number, now: number): number =>
    world
      .visible({ start, end: start + HOUR }, now)
      .reduce((total, { fields }) => total + Number(fields.input_tokens), 0);

  it('moves usage from one hour to another with an equal total', () => {
    const world = createWorld([at(START, { moved: { at: NOW, time: START + HOUR } })]);

    expect([sum(world, START, NOW - 1), sum(world, START + HOUR, NOW - 1)]).toEqual([8, 0]);
    expect([sum(world, START, NOW), sum(world, START + HOUR, NOW)]).toEqual([0, 8]);
  });

  it('withdraws usage', () => {
    const world = createWorld([at(START, { withdrawnAt: NOW })]);

    expect([sum(world, START, NOW - 1), sum(world, START, NOW)]).toEqual([8, 0]);
  });

  it('can forget its history', () => {
    const world = forgetting(createWorld([at(START, {})]), HOUR);

    expect([sum(world, START, START + HOUR), sum(world, START, START + HOUR + 1)]).toEqual([8, 0]);
  });
});
