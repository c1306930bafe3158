import { afterEach, describe, expect, it, test } from 'vitest';
import { createHttp } from '../../../src/fetch/client.ts';
import { FetchError } from '../../../src/fetch/errors.ts';
import { memoryRateLimiter } from '../../support/memory-rate-limiter.ts';
import type { ReadResult, State, Partition, Source } from '../../../src/providers/provider.ts';
import { volcengineArk } from '../../../src/providers/volcengine-ark/index.ts';
import { FAULTS, rough, script, type FaultPlan } from '../../../src/simulator/faults.ts';
import type { Simulator } from '../../../src/simulator/server.ts';
import { volcengineArkSimulator, type ArkEndpoint } from '../../../src/simulator/volcengine-ark.ts';
import { createWorld, officeHours, type World } from '../../../src/simulator/world.ts';
import { seriesKey } from '../../../src/usage/series.ts';
import type { Tag, UsageRecord } from '../../../src/usage/point.ts';
import { bucketsOf } from '../../../src/windows/calendar.ts';
import type { Bucket, Window } from '../../../src/windows/window.ts';

const HOUR = 3600;
const DAY = 86_400;
/** A Monday, midnight in Beijing. */
const START = Date.parse('2026-09-27T16:00:00Z') / 1000;
const WEEK: Window = { start: START, end: START + 7 * DAY };
const NOW = (WEEK.end + DAY) * 1000;
const SHANGHAI = 'Asia/Shanghai';
const BY: readonly Tag[] = ['project', 'endpoint', 'scene', 'model'];

let simulator: Simulator;
afterEach(() => simulator.close());

describe('volcengine-ark against the simulator', () => {
  test.each([
    ['hours', '1h', SHANGHAI, true],
    ['days', '1d', SHANGHAI, true],
    ['days of another zone, put together from hours', '1d', 'UTC', true],
    ['hours of endpoints that come back as one total', '1h', SHANGHAI, false],
  ] as const)('reads %s exactly', async (_, bucket, zone, tagged) => {
    const world = office();
    const source = await connect({ world, tagged });
    const window = zone === 'UTC' ? { start: START - 8 * HOUR, end: START + 6 * DAY - 8 * HOUR } : WEEK;

    const records = await readAll(source, window, bucket, zone);

    expect(sorted(records)).toEqual(sorted(truth(world, window, bucket, zone)));
  });

  test.each([1, 2, 3])('reads exactly what is there, however rough the way (seed %i)', async (seed) => {
    const world = office();
    // Signatures that come too late twice running end a call; they have a test of their own.
    const faults = FAULTS.filter((fault) => fault !== 'expired_token');
    const source = await connect({ world, tagged: true, faults: rough(seed, 0.3, faults) });

    const records: UsageRecord[] = [];
    for (const day of bucketsOf(WEEK, '1d', SHANGHAI)) {
      records.push(...(await readAll(source, day, '1h', SHANGHAI)));
    }

    expect(sorted(records)).toEqual(sorted(truth(world, WEEK, '1h', SHANGHAI)));
  });

  it('signs again after an expired signature', async () => {
    const source = await connect({ world: office(), tagged: true, faults: script('expired_token') });

    const partitions = await source.partitions(new AbortController().signal);

    expect(partitions).toHaveLength(ENDPOINTS.length);
  });

  it('returns totals of whole days, independent of the hours', async () => {
    const world = office();
    const source = await connect({ world, tagged: true });
    const partitions = await source.partitions(new AbortController().signal);

    const totals = await source.totals?.({ ...request('1h', SHANGHAI), window: WEEK, partitions });

    expect(sorted(totals ?? [])).toEqual(sorted(truth(world, WEEK, '1d', SHANGHAI)));
  });

  it('reads whole projects with `endpoints: none`', async () => {
    const world = office();
    const source = await connect({ world, tagged: true, options: { endpoints: 'none', scenes: ['Batch'] } });

    const records = await readAll(source, WEEK, '1d', SHANGHAI);

    const batch = createWorld(world.events.filter(({ tags }) => tags.scene === 'Batch'));
    expect(sorted(records)).toEqual(sorted(truth(batch, WEEK, '1d', SHANGHAI, ['project', 'scene'])));
    expect(simulator.calls).not.toContain('ListEndpoints');
  });

  it('reads endpoints one by one for a week after a combined total', async () => {
    let now = NOW;
    const source = await connect({ world: office(), tagged: false, now: () => now });
    const before = source.batchSize;

    await readAll(source, WEEK, '1h', SHANGHAI);
    const after = source.batchSize;
    now += 6 * DAY * 1000;
    const stillAfter = source.batchSize;
    now += DAY * 1000;

    expect([before, after, stillAfter, source.batchSize]).toEqual([50, 1, 1, 50]);
    now = NOW;
    expect(source.warnings?.()).toContain(
      'Ark combines several endpoints into one total for this account, so each endpoint is a separate request.',
    );
  });

  it('keeps reading an endpoint that left the list, under its last model', async () => {
    const world = office();
    const endpoints = [...ENDPOINTS];
    const state = createState();
    const source = await connect({ world, tagged: true, endpoints, state });
    await source.partitions(new AbortController().signal);
    endpoints.splice(0, 1);
    const restarted = connectTo(simulator, { state });

    const records = await readAll(restarted, WEEK, '1d', SHANGHAI);

    expect(sorted(records)).toEqual(sorted(truth(world, WEEK, '1d', SHANGHAI)));
    expect(restarted.warnings?.()).toEqual([
      'No longer listed in project default, but still read: ep-default-0.',
    ]);
  });

  it('does not move usage that was already read to a later model', async () => {
    const endpoints = [endpointOf('default', 0)];
    const now = { ms: (START + 10 * HOUR + 600) * 1000 };
    const world = createWorld(
      officeHours({
        seed: 3,
        ...WEEK,
        perHour: 3,
        series: [{ project: 'default', endpoint: 'ep-default-0', scene: 'Batch' }],
      }),
    );
    const source = await connect({ world, tagged: true, endpoints, now: () => now.ms });
    await source.partitions(new AbortController().signal);
    endpoints[0] = { ...endpointOf('default', 0), version: '270101' };
    now.ms = NOW;

    await source.partitions(new AbortController().signal);
    now.ms = (WEEK.end + 9 * DAY) * 1000;
    const old = await readAll(source, WEEK, '1d', SHANGHAI);

    expect(new Set(old.map(({ tags }) => tags.model))).toEqual(new Set(['doubao-pro-240515']));
  });

  it('reads listed endpoints from their project, and the others from the first project', async () => {
    const source = await connect({
      world: office(),
      tagged: true,
      options: { endpoints: ['ep-research-1', 'ep-lost'] },
    });

    const partitions = await source.partitions(new AbortController().signal);

    expect(partitions.map(({ id }) => id)).toEqual(['research/ep-research-1', 'default/ep-lost']);
    expect(source.warnings?.()).toEqual([
      'Not listed in any project of the job, so read from default: ep-lost.',
    ]);
  });

  it('finds all of 230 endpoints although the pages shift', async () => {
    const endpoints = Array.from({ length: 230 }, (_, i) => endpointOf('default', i));
    const faults = script(undefined, 'shifting_pages', 'shifting_pages');
    const source = await connect({
      world: office(),
      tagged: true,
      endpoints,
      faults,
      options: { projects: ['default'] },
    });

    const partitions = await source.partitions(new AbortController().signal);

    expect(partitions).toHaveLength(230);
  });

  it('reports the difference of the clock', async () => {
    await connect({ world: office(), tagged: true });
    const source = connectTo(simulator, { now: () => NOW - 3 * 3_600_000 });

    const error = await source.partitions(new AbortController().signal).catch((error: unknown) => error);

    expect(error).toBeInstanceOf(FetchError);
    expect(error).toMatchObject({
      kind: 'credentials',
      code: 'InvalidTimestamp',
      hint: "This machine's clock is 180 min behind Volcengine's: set it, for instance by NTP.",
    });
  });

  it('signs temporary credentials', async () => {
    const source = await connect({ world: office(), tagged: true, options: { session_token: 'test-token' } });

    const partitions = await source.partitions(new AbortController().signal);

    expect(partitions.length).toBeGreaterThan(0);
  });

  it('refuses buckets that are not whole hours', async () => {
    const source = await connect({ world: office(), tagged: true });

    const read = source.read({
      ...request('1d', 'Asia/Kolkata'),
      window: { start: START - HOUR / 2, end: START + DAY - HOUR / 2 },
      partitions: await source.partitions(new AbortController().signal),
    });

    await expect(read).rejects.toThrow("Ark's buckets are whole hours of UTC");
  });
});

const ENDPOINTS: readonly ArkEndpoint[] = ['default', 'research'].flatMap((project) =>
  Array.from({ length: 6 }, (_, i) => endpointOf(project, i)),
);

function endpointOf(project: string, i: number): ArkEndpoint {
  return {
    id: `ep-${project}-${i}`,
    project,
    model: i % 2 ? 'deepseek-v3' : 'doubao-pro',
    version: '240515',
  };
}

/** Two projects of six endpoints, each used in two scenes. */
function office(): World {
  const series = ENDPOINTS.flatMap(({ id, project, model, version }) =>
    ['Ordinary', 'Batch'].map((scene) => ({ project, endpoint: id, scene, model: `${model}-${version}` })),
  );
  return createWorld(officeHours({ seed: 1, start: START - DAY, end: WEEK.end, series, perHour: 2 }));
}

interface Setting {
  readonly world: World;
  readonly tagged: boolean;
  readonly endpoints?: readonly ArkEndpoint[];
  readonly faults?: FaultPlan;
  readonly state?: State;
  readonly now?: () => number;
  readonly options?: object;
}

async function connect(setting: Setting): Promise<Source> {
  simulator = await volcengineArkSimulator({
    now: () => NOW,
    accessKeyId: 'AKLTTEST',
    secretAccessKey: 'test-secret',
    endpoints: ENDPOINTS,
    ...setting,
  });
  return connectTo(simulator, setting);
}

function connectTo({ url }: Simulator, { state, now, options }: Partial<Setting>): Source {
  const clock = now ?? (() => NOW);
  const parsed = volcengineArk.options.parse({
    access_key_id: 'AKLTTEST',
    secret_access_key: 'test-secret',
    base_url: url,
    projects: ['default', 'research'],
    ...options,
  });
  const http = createHttp({
    baseUrl: url,
    limit: { perSecond: 1_000_000, concurrency: 2 },
    rateLimiter: memoryRateLimiter(),
    fetch: globalThis.fetch,
    sleep: () => Promise.resolve(),
    now: clock,
    random: () => 0,
    attempts: 20,
    timeoutMs: 250,
  });
  return volcengineArk.connect(parsed, {
    http,
    dataset: 'usage',
    state: state ?? createState(),
    now: clock,
  });
}

function createState(): State {
  const values = new Map<string, string>();
  return { get: (key) => values.get(key), set: (key, value) => void values.set(key, value) };
}

function request(bucket: Bucket, zone: string) {
  return { bucket, zone, signal: new AbortController().signal };
}

/** As the collector does: batch by batch, a refused batch halved until every endpoint stands alone. */
async function readAll(source: Source, window: Window, bucket: Bucket, zone: string): Promise<UsageRecord[]> {
  const batches = [await source.partitions(new AbortController().signal)];
  const records: UsageRecord[] = [];
  for (let batch = batches.pop(); batch; batch = batches.pop()) {
    const answer = batch.length > source.batchSize ? undefined : await ask(batch);
    if (answer) records.push(...answer.records);
    else batches.push(batch.slice(Math.ceil(batch.length / 2)), batch.slice(0, Math.ceil(batch.length / 2)));
  }
  return records;

  async function ask(partitions: Partition[]): Promise<ReadResult | undefined> {
    try {
      return await source.read({ ...request(bucket, zone), window, partitions });
    } catch (error) {
      if (error instanceof FetchError && error.kind === 'refused' && partitions.length > 1) return undefined;
      throw error;
    }
  }
}

function truth(world: World, window: Window, bucket: Bucket, zone: string, by = BY): UsageRecord[] {
  return bucketsOf(window, bucket, zone).flatMap((part) => world.totals(part, NOW / 1000, by));
}

function sorted(records: ReadResult['records']): UsageRecord[] {
  const key = ({ time, tags }: UsageRecord): string => `${time} ${seriesKey(tags)}`;
  return records.toSorted((a, b) => key(a).localeCompare(key(b)));
}
