import { afterEach, describe, expect, it } from 'vitest';
import { createHttp } from '../../src/fetch/client.ts';
import { memoryRateLimiter } from '../support/memory-rate-limiter.ts';
import type { Partition, Source } from '../../src/providers/provider.ts';
import { trae } from '../../src/providers/trae/index.ts';
import { rough, script } from '../../src/simulator/faults.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { traeSimulator, type TraeSimulatorOptions } from '../../src/simulator/trae.ts';
import { createWorld, officeHours, type World } from '../../src/simulator/world.ts';
import { sumRecords } from '../../src/usage/aggregate.ts';
import type { Tag, UsageRecord } from '../../src/usage/point.ts';
import { seriesKey } from '../../src/usage/series.ts';
import type { Window } from '../../src/windows/window.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';

const HOUR = 3600;
const window = { start: seconds('2026-10-12T00:00:00+08:00'), end: seconds('2026-10-14T00:00:00+08:00') };
const now = (window.end + HOUR) * 1000;
const TAGS: readonly Tag[] = ['user', 'model', 'model_type', 'model_source'];
const MEMBERS = Array.from({ length: 250 }, (_, i) => ({ id: 1000 + i, email: `Member.${i}@example.com` }));
const credentials = { appId: 'test-app', appSecret: 'test-secret' };

let simulator: Simulator;
afterEach(() => simulator.close());

function seconds(text: string): number {
  return Date.parse(text) / 1000;
}

/** Every seventh member uses two models; one event has more tokens than a double can count. */
function office(): World {
  const series = MEMBERS.filter((_, i) => i % 7 === 0).flatMap(({ email }) => [
    { user: email, model: 'Doubao-Seed-Code', model_type: 'CUE', model_source: 'Trae' },
    { user: email, model: 'glm-5.1', model_type: 'Chat', model_source: 'Custom' },
  ]);
  const events = officeHours({ seed: 7, ...window, series, perHour: 2 });
  const large = {
    ...events[0]!,
    id: 'large',
    fields: { input_tokens: 2n ** 53n + 1n, output_tokens: 2n ** 61n + 3n },
  };
  return createWorld([...events, large]);
}

async function start(
  options: Partial<TraeSimulatorOptions> = {},
  timeoutMs = 30_000,
): Promise<{ source: Source; world: World; clock: FakeClock }> {
  const clock = fakeClock(now);
  const world = office();
  simulator = await traeSimulator({ world, now: clock.now, ...credentials, members: MEMBERS, ...options });
  const http = createHttp({
    baseUrl: simulator.url,
    limit: trae.rate,
    rateLimiter: memoryRateLimiter(),
    fetch: globalThis.fetch,
    sleep: clock.sleep,
    now: clock.now,
    random: () => 0.5,
    timeoutMs,
    attempts: 20,
  });
  const given = { app_id: 'test-app', app_secret: 'test-secret', base_url: simulator.url };
  const state = { get: () => undefined, set: () => undefined };
  const source = trae.connect(trae.options.parse(given), {
    http,
    dataset: 'usage',
    state,
    now: clock.now,
  });
  return { source, world, clock };
}

/** Every bucket of the window and every batch of members, one request each. */
async function readBuckets(
  source: Source,
  partitions: readonly Partition[],
  rangeEnd: 'exclusive' | 'inclusive',
): Promise<UsageRecord[]> {
  const records: UsageRecord[] = [];
  for (let at = window.start; at < window.end; at += HOUR) {
    for (let i = 0; i < partitions.length; i += source.batchSize) {
      const bucket = { start: at, end: at + HOUR };
      const batch = partitions.slice(i, i + source.batchSize);
      const answer = await source.read({ ...request(bucket, batch), rangeEnd });
      records.push(...answer.records);
    }
  }
  return records;
}

function request(range: Window, partitions: readonly Partition[]): Parameters<Source['read']>[0] {
  const { signal } = new AbortController();
  return { window: range, bucket: '1h', zone: trae.zone, partitions, signal };
}

/** What a set of records adds up to, whatever their times. */
function sums(records: readonly UsageRecord[]): Map<string, unknown> {
  const all = sumRecords(records.map((record) => ({ ...record, time: 0 })));
  return new Map(all.map(({ tags, fields }) => [seriesKey(tags), fields]));
}

function truth(world: World): Map<string, unknown> {
  return sums(world.totals(window, now / 1000, TAGS));
}

describe('the sums of all buckets are the true totals', () => {
  it.each(['exclusive', 'inclusive'] as const)('without faults, end %s', async (rangeEnd) => {
    const { source, world } = await start({ rangeEnd, tokenSeconds: 60 });

    const records = await readBuckets(source, await source.partitions(signal()), rangeEnd);

    expect(sums(records)).toEqual(truth(world));
    expect(simulator.calls.filter((action) => action === 'auth-token').length).toBeGreaterThan(3);
  });

  it('with random faults', async () => {
    const faults = rough(11, 0.25, [
      'rate_limited',
      'server_error',
      'hang',
      'cut_off',
      'html',
      'error_in_200',
      'expired_token',
    ]);
    const { source, world } = await start({ faults }, 250);

    const records = await readBuckets(source, await source.partitions(signal()), 'exclusive');

    expect(sums(records)).toEqual(truth(world));
  });

  it('and equal the total of the whole range', async () => {
    const { source, world } = await start();
    const partitions = await source.partitions(signal());

    const batches = [partitions.slice(0, 100), partitions.slice(100, 200), partitions.slice(200)];
    const totals = await Promise.all(batches.map((batch) => source.totals!(request(window, batch))));

    expect(sums(totals.flatMap((records) => records ?? []))).toEqual(truth(world));
    expect(simulator.calls).toEqual([
      'auth-token',
      ...Array.from({ length: 3 }, () => 'users'),
      ...Array.from({ length: 3 }, () => 'user-model-usage'),
    ]);
  });

  it('unless the end of the range is misinterpreted', async () => {
    const { source, world } = await start({ rangeEnd: 'inclusive' });

    const records = await readBuckets(source, await source.partitions(signal()), 'exclusive');

    expect(sums(records)).not.toEqual(truth(world));
  });
});

it('finds every member although the pages shift', async () => {
  const { source } = await start({
    faults: script(undefined, undefined, 'shifting_pages', 'shifting_pages', undefined, undefined),
  });

  const partitions = await source.partitions(signal());

  expect(new Set(partitions.map(({ id }) => id)).size).toBe(MEMBERS.length);
  expect(simulator.calls.filter((action) => action === 'users')).toHaveLength(6);
  expect(source.warnings!()).toEqual([]);
});

it('the provider does not send a range that is too long', async () => {
  const { source } = await start();
  const tooLong = { start: window.start, end: window.start + 181 * 86_400 };

  const reading = source.read(request(tooLong, [{ id: 'email:a@example.com' }]));

  await expect(reading).rejects.toMatchObject({ kind: 'refused' });
  expect(simulator.calls).toEqual([]);
});

describe('the simulator refuses', () => {
  async function post(path: string, body: unknown, token = ''): Promise<{ code: number }> {
    const response = await fetch(simulator.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    return (await response.json()) as { code: number };
  }

  async function token(): Promise<string> {
    const answer = await post('/openapi/v1/auth/token', { app_id: 'test-app', app_secret: 'test-secret' });
    return (answer as unknown as { access_token: string }).access_token;
  }

  const day = 86_400;
  const emails = [MEMBERS[0]!.email];
  it.each([
    { what: 'nothing that is in order', days: 180, who: { emails }, code: 0 },
    { what: 'more than 180 days', days: 181, who: { emails }, code: 4001 },
    { what: 'a range that ends before it starts', days: -1, who: { emails }, code: 4001 },
    { what: 'nobody', days: 1, who: { emails: [] }, code: 4001 },
    {
      what: '101 members',
      days: 1,
      who: { user_ids: MEMBERS.slice(0, 101).map(({ id }) => id) },
      code: 4001,
    },
    { what: 'a stranger', days: 1, who: { emails: [...emails, 'stranger@example.com'] }, code: 30007 },
    { what: 'an unknown id', days: 1, who: { user_ids: [1] }, code: 30007 },
    { what: 'a poisoned member', days: 1, who: { emails: [...emails, MEMBERS[9]!.email] }, code: 30007 },
  ])('$what', async ({ days, who, code }) => {
    await start({ poisoned: [MEMBERS[9]!.email] });
    const range = { start_time: window.start, end_time: window.start + days * day };

    const answer = await post('/openapi/v1/statistics/user-model-usage', { ...range, ...who }, await token());

    expect(answer.code).toBe(code);
  });

  it('an unknown or expired token', async () => {
    const { clock } = await start({ tokenSeconds: 60 });
    const query = { start_time: window.start, end_time: window.end, emails };
    const path = '/openapi/v1/statistics/user-model-usage';
    const issued = await token();

    const codes = [(await post(path, query, 'made-up')).code, (await post(path, query, issued)).code];
    clock.set(clock.now() + 60_000);
    codes.push((await post(path, query, issued)).code);

    expect(codes).toEqual([1002, 0, 1002]);
  });

  it('a wrong secret', async () => {
    await start();

    const answer = await post('/openapi/v1/auth/token', { app_id: 'test-app', app_secret: 'guess' });

    expect(answer.code).toBe(1001);
  });
});

function signal(): AbortSignal {
  return new AbortController().signal;
}
