import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { emptyListing, noCalls, type JobContext } from '../../../src/collect/context.ts';
import { poll } from '../../../src/collect/poll/poll.ts';
import { loadJobs } from '../../../src/config/jobs.ts';
import { openLedger } from '../../../src/ledger/ledger.ts';
import { PROVIDERS } from '../../../src/providers/index.ts';
import { r9s } from '../../../src/providers/r9s/index.ts';
import { r9sFields, r9sSimulator, type R9sSimulatorOptions } from '../../../src/simulator/r9s.ts';
import type { Simulator } from '../../../src/simulator/server.ts';
import { createWorld, officeHours } from '../../../src/simulator/world.ts';
import { sumRecords, tokensOf } from '../../../src/usage/aggregate.ts';
import { bucketStart } from '../../../src/windows/calendar.ts';
import { refreshAges } from '../../../src/windows/refresh-schedule.ts';
import { folderOf } from '../../config/loading.ts';
import { memoryStore } from '../../support/memory-store.ts';
import { connectTo } from '../../support/simulated.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
/** A Monday, midnight UTC. */
const START = Date.parse('2026-09-28T00:00:00Z') / 1000;
const DAYS = 8;
const MODELS = ['gpt-4o-mini', 'claude-sonnet-4-5'];
const KEY = 'sk_mg_test';

const world = createWorld(
  officeHours({
    seed: 5,
    start: START,
    end: START + DAYS * DAY,
    series: MODELS.map((model) => ({ model, user: 'u', key: 'tk_1' })),
    perHour: 2,
    hours: [0, 24],
    // Usage is corrected for half a day.
    convergence: DAY / 2,
    fields: r9sFields,
  }),
);

let simulator: Simulator;
afterEach(() => simulator.close());

/** The job file of the project, with further lines, and what its polls store over `DAYS` days and a look-back. */
async function collect(
  options: Pick<R9sSimulatorOptions, 'shape' | 'recordsOf'>,
  lines = '',
): Promise<{ context: JobContext; tokens: ReadonlyMap<string, bigint> }> {
  let now = START;
  simulator = await r9sSimulator({
    world,
    now: () => now * 1000,
    managementKey: KEY,
    maxPageSize: 1000,
    ...options,
  });
  const text = readFileSync(new URL('../../../jobs/r9s.yaml', import.meta.url), 'utf8');
  const { jobs, issues } = loadJobs(folderOf({ 'r9s.yaml': `${text}\nstart: 2026-09-28\n${lines}` }), {
    env: { R9S_MANAGEMENT_KEY: KEY },
    now: () => now * 1000,
    providers: PROVIDERS,
  });
  expect(issues).toEqual([]);
  const [job] = jobs;
  const store = memoryStore();
  const context: JobContext = {
    job: job!,
    source: connectTo(r9s, { management_key: KEY, base_url: simulator.url }, { timeoutMs: 30_000 }),
    ages: refreshAges(300, job!.lookback),
    ledger: openLedger(':memory:'),
    store,
    outage: { until: 0 },
    listing: emptyListing(),
    calls: noCalls(),
    observe: () => undefined,
    spoolLimit: 10_000,
    now: () => now,
  };
  const { signal } = new AbortController();
  while (now < START + DAYS * DAY + job!.lookback + DAY) {
    now += 5 * HOUR;
    await poll(context, { signal });
  }
  const points = await store.points({ start: 0, end: now });
  const tokens = new Map(
    points.map(({ time, tags, fields }) => [`${time} ${tags.model} ${tags.user ?? ''}`, tokensOf(fields)]),
  );
  expect(tokens.size).toBe(points.length);
  return { context, tokens };
}

/** The true tokens by bucket, model and user. */
function truth(bucket: '1h' | '1d', by: { user: boolean }): ReadonlyMap<string, bigint> {
  const records = world.events.map(({ time, tags, fields }) => ({
    time: bucketStart(time, bucket, 'UTC'),
    tags: { model: tags.model!, ...(by.user && { user: tags.user! }) },
    fields,
  }));
  return new Map(
    sumRecords(records).map(({ time, tags, fields }) => [
      `${time} ${tags.model} ${tags.user ?? ''}`,
      tokensOf(fields),
    ]),
  );
}

describe('the shipped job file of R9S', () => {
  it.each(['range', 'day'] as const)(
    'collects the true sums from the documented answer, records of the %s',
    async (recordsOf) => {
      const { tokens } = await collect({ shape: 'records', recordsOf });

      expect(tokens).toEqual(truth('1d', { user: false }));
    },
  );

  it('collects the true sums from rows per request', async () => {
    const { tokens } = await collect({ shape: 'list' });

    expect(tokens).toEqual(truth('1d', { user: true }));
  });

  it('collects the true sums from rows per request with `bucket: 1h`', async () => {
    const { tokens } = await collect({ shape: 'list' }, 'bucket: 1h\n');

    expect(tokens).toEqual(truth('1h', { user: true }));
  });

  it('with `bucket: 1h` stores no part of the documented answer, and the gaps name the setting', async () => {
    const { context, tokens } = await collect({ shape: 'records' }, 'bucket: 1h\n');

    expect(tokens.size).toBe(0);
    const gaps = context.ledger.gaps.openOf('r9s');
    expect(gaps).not.toEqual([]);
    expect(gaps.every(({ kind, error }) => kind === 'refused' && error.includes('per UTC day'))).toBe(true);
  });
});
