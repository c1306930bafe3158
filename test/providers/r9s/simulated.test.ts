import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { FetchError } from '../../../src/fetch/errors.ts';
import { r9s } from '../../../src/providers/r9s/index.ts';
import { FAULTS, rough, script } from '../../../src/simulator/faults.ts';
import { r9sFields, r9sSimulator, type R9sSimulatorOptions } from '../../../src/simulator/r9s.ts';
import type { Simulator } from '../../../src/simulator/server.ts';
import { createWorld, officeHours } from '../../../src/simulator/world.ts';
import { addCounts } from '../../../src/usage/count.ts';
import type { Tag } from '../../../src/usage/point.ts';
import {
  atTheEdges,
  connectTo,
  droppedOf,
  readAll,
  recordsOf,
  sorted,
  truthOf,
} from '../../support/simulated.ts';

const DAY = 86_400;
/** A Monday, midnight UTC. */
const START = Date.parse('2026-09-28T00:00:00Z') / 1000;
const MONDAY = { start: START, end: START + DAY };
const WEEK = { start: START, end: START + 7 * DAY };
const NOW = WEEK.end + DAY;
const BY: readonly Tag[] = ['key', 'model', 'user'];
const KEY = 'sk_mg_canary-management-key';

const days = Array.from({ length: 8 }, (_, day) => START + day * DAY);
const world = createWorld([
  ...officeHours({
    seed: 11,
    ...WEEK,
    series: ['zhang@example.com', 'li@example.com', 'wang@example.com'].flatMap((user, i) =>
      ['gpt-4o-mini', 'claude-sonnet-4-5'].map((model) => ({ key: `tk_${i % 2}`, model, user })),
    ),
    perHour: 3,
    fields: r9sFields,
  }),
  ...atTheEdges(days, { tags: { key: 'tk_0', model: 'gpt-4o-mini' }, fields: r9sFields(70, 7) }),
]);
/** The same usage for an account with totals per model. */
const totalsWorld = createWorld(
  world.events.map(({ fields, ...event }) => ({
    ...event,
    fields: { total_tokens: addCounts(fields.input_tokens ?? 0, fields.output_tokens ?? 0) },
  })),
);

let simulator: Simulator;
afterEach(() => simulator.close());

async function start(options: Partial<R9sSimulatorOptions> = {}): Promise<void> {
  simulator = await r9sSimulator({
    world,
    now: () => NOW * 1000,
    managementKey: KEY,
    shape: 'list',
    maxPageSize: 100,
    ...options,
  });
}

function connect(options: Readonly<Record<string, unknown>> = {}, attempts?: number) {
  return connectTo(
    r9s,
    { management_key: KEY, base_url: simulator.url, ...options },
    attempts === undefined ? {} : { attempts },
  );
}

function truth(bucket: '1h' | '1d', window = WEEK) {
  return truthOf(world, window, bucket, 'UTC', BY, NOW);
}

describe('r9s against the simulator, with a row per request', () => {
  it.each<{ name: string; bucket: '1h' | '1d'; size: number; simulated: Partial<R9sSimulatorOptions> }>([
    { name: 'hours', bucket: '1h', size: 100, simulated: {} },
    { name: 'days', bucket: '1d', size: 1000, simulated: {} },
    {
      name: 'hours where end_time is inclusive',
      bucket: '1h',
      size: 100,
      simulated: { rangeEnd: 'inclusive' },
    },
    { name: 'pages smaller than asked for', bucket: '1h', size: 100, simulated: { maxPageSize: 30 } },
    {
      name: 'a week of over 100 pages in halves',
      bucket: '1d',
      size: 5,
      simulated: { rangeEnd: 'inclusive' },
    },
  ])('reads $name exactly', async ({ bucket, size, simulated }) => {
    await start(simulated);

    const answers = await readAll(r9s, connect({ page_size: size }), WEEK, bucket);

    expect(recordsOf(answers)).toEqual(truth(bucket));
    expect(droppedOf(answers, 'duplicate')).toBe(0);
  });

  it.each([1, 2, 3])('reads exact sums despite faults (seed %i)', async (seed) => {
    await start({ faults: rough(seed, 0.3) });

    const answers = await readAll(r9s, connect({ page_size: 20 }), WEEK, '1h');

    expect(recordsOf(answers)).toEqual(truth('1h'));
  });

  it('finds a row that was inserted between two pages by reading the first page again', async () => {
    const rows = world.visible(MONDAY, NOW).length;
    await start({ faults: script('shifting_pages') });

    const answers = await readAll(r9s, connect({ page_size: 50 }), MONDAY, '1h');

    expect(recordsOf(answers)).toEqual(truth('1h', MONDAY));
    expect(droppedOf(answers, 'duplicate')).toBe(1);
    // All pages, one past the last without new rows, and the first again.
    expect(rows % 50).toBeGreaterThan(0);
    expect(simulator.calls.length).toBeLessThanOrEqual(Math.ceil(rows / 50) + 2);
  });

  it('counts a repeated row once', async () => {
    await start({ faults: script('duplicate_rows', 'duplicate_rows') });

    const answers = await readAll(r9s, connect({ page_size: 50 }), MONDAY, '1h');

    expect(recordsOf(answers)).toEqual(truth('1h', MONDAY));
    expect(droppedOf(answers, 'duplicate')).toBe(2);
  });

  it('refuses a second with more than 100 pages', async () => {
    const crowd = Array.from({ length: 101 }, (_, i) => ({
      id: `req-${i}`,
      time: START,
      visibleAt: START,
      tags: { model: 'm' },
      fields: r9sFields(8, 1),
    }));
    await start({ world: createWorld(crowd) });

    const error = await readAll(r9s, connect({ page_size: 1 }), MONDAY, '1h').catch(
      (caught: unknown) => caught,
    );

    expect(error).toMatchObject({ kind: 'refused', hint: expect.stringContaining('page_size') });
  });

  it('has no independent totals, and describes the shape of its answers', async () => {
    await start();
    const source = connect();
    const { signal } = new AbortController();

    const totals = await source.totals?.({
      window: MONDAY,
      bucket: '1d',
      zone: 'UTC',
      partitions: [],
      signal,
    });

    expect(totals).toBeUndefined();
    expect(source.warnings?.()).toEqual([expect.stringContaining('one row per request')]);
  });
});

describe('r9s against the simulator, with totals per model', () => {
  it.each<{ name: string; size: number; simulated: Partial<R9sSimulatorOptions> }>([
    { name: 'one page', size: 100, simulated: {} },
    { name: 'several pages', size: 3, simulated: { rangeEnd: 'inclusive' } },
    { name: 'repeated records', size: 3, simulated: { faults: script('duplicate_rows', 'duplicate_rows') } },
    { name: 'random faults', size: 3, simulated: { faults: rough(4, 0.5) } },
  ])('reads days exactly: $name', async ({ size, simulated }) => {
    await start({ shape: 'records', ...simulated });

    const answers = await readAll(r9s, connect({ page_size: size }), WEEK, '1d');

    expect(recordsOf(answers)).toEqual(truthOf(totalsWorld, WEEK, '1d', 'UTC', ['model'], NOW));
  });

  it.each(['exclusive', 'inclusive'] as const)(
    'returns the totals of days, end_time %s',
    async (rangeEnd) => {
      await start({ shape: 'records', rangeEnd });
      const source = connect({ page_size: 1 });
      const { signal } = new AbortController();

      const totals = await source.totals?.({
        window: WEEK,
        bucket: '1d',
        zone: 'UTC',
        partitions: [],
        signal,
      });

      expect(sorted(totals ?? [])).toEqual(truthOf(totalsWorld, WEEK, '1d', 'UTC', [], NOW));
    },
  );

  it.each<{ name: string; bucket: '1h' | '1d'; zone: string; recordsOf: 'range' | 'day'; hint: string }>([
    { name: 'hours', bucket: '1h', zone: 'UTC', recordsOf: 'range', hint: 'Set `bucket: 1d` in the job.' },
    { name: 'hours', bucket: '1h', zone: 'UTC', recordsOf: 'day', hint: 'Set `bucket: 1d` in the job.' },
    {
      name: 'hours of another zone',
      bucket: '1h',
      zone: 'Asia/Shanghai',
      recordsOf: 'range',
      hint: 'Set `bucket: 1d` and `zone: UTC` in the job.',
    },
    {
      name: 'days of another zone',
      bucket: '1d',
      zone: 'Asia/Shanghai',
      recordsOf: 'day',
      hint: 'Set `zone: UTC` in the job.',
    },
  ])('refuses $name in $zone, records of the $recordsOf', async ({ bucket, zone, recordsOf, hint }) => {
    await start({ shape: 'records', recordsOf });
    const source = connect();
    const { signal } = new AbortController();
    const [partition] = await source.partitions(signal);
    const offset = zone === 'UTC' ? 0 : 16 * 3600;
    const length = bucket === '1d' ? DAY : 3600;
    const window = { start: START + offset, end: START + offset + length };

    const answer = source.read({ window, bucket, zone, partitions: [partition!], signal });

    await expect(answer).rejects.toMatchObject({ kind: 'refused', hint });
    expect(simulator.calls).toHaveLength(1);
  });

  it('does not count the record as discarded that an inclusive server adds at the end of a window', async () => {
    await start({ shape: 'records', rangeEnd: 'inclusive' });

    const answers = await readAll(r9s, connect(), MONDAY, '1d');

    expect(recordsOf(answers).every(({ time }) => time === START)).toBe(true);
    expect(droppedOf(answers, 'outside_window')).toBe(0);
  });
});

describe('r9s', () => {
  it.each([
    ['sk_mg_other', 'API key not found'],
    ['sk-inference', 'Invalid API key format'],
  ])('reports that the key %s is not accepted', async (key, message) => {
    await start();

    const error = await readAll(r9s, connect({ management_key: key }), MONDAY, '1h').catch(
      (caught: unknown) => caught,
    );

    expect(error).toMatchObject({ kind: 'credentials', message: expect.stringContaining(message) });
  });

  it('never shows its key in a record or an error', async () => {
    await start();
    const seen: unknown[] = [await readAll(r9s, connect(), MONDAY, '1h')];

    for (const fault of FAULTS) {
      simulator.faults(() => fault);
      seen.push(await readAll(r9s, connect({}, 1), MONDAY, '1h').catch((caught: unknown) => caught));
    }

    expect(seen.filter((value) => value instanceof FetchError).length).toBeGreaterThan(4);
    const shown = seen.map((value) => inspect(value, { depth: 20, showHidden: true })).join('\n');
    expect(shown).not.toContain(KEY);
  });
});
