import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, describe, expect, it } from 'vitest';
import { poll } from '../../src/collect/poll/poll.ts';
import { openLedger, type Ledger } from '../../src/ledger/ledger.ts';
import { createWorld, officeHours, type UsageEvent, type World } from '../../src/simulator/world.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { StoreError, type Store } from '../../src/store/store.ts';
import { bucketStart } from '../../src/windows/calendar.ts';
import type { Bucket, Window } from '../../src/windows/window.ts';
import { FULL } from '../support/extent.ts';
import { jobContextOf } from '../support/job-context.ts';
import { fakeVendor } from '../support/fake-provider.ts';
import { DAY, HOUR, MINUTE } from './fixture.ts';
import { differences, textsOf, truePoints, worldVendor } from './world-vendor.ts';

const START = Date.UTC(2026, 0, 1) / 1000;
const END = Date.UTC(2027, 0, 1) / 1000;
const CONVERGENCE = 40 * MINUTE;
const LOOKBACK = 3 * DAY;
const USERS = ['ann', 'bob', 'cat', 'bot'];

/** What goes wrong in the year, `[from, to)`. */
const PROVIDER_OUTAGES: [string, number][] = [
  ['2026-02-03T08:10Z', HOUR],
  ['2026-03-28T20:00Z', DAY],
  ['2026-05-11T03:00Z', 8 * DAY],
  ['2026-10-24T21:30Z', 6 * HOUR],
  ['2026-11-01T03:00Z', DAY],
];
const STORE_OUTAGES: [string, number][] = [
  ['2026-03-08T05:00Z', 4 * HOUR],
  ['2026-06-20T10:00Z', DAY],
  ['2026-08-02T00:00Z', 5 * DAY],
  ['2026-10-25T00:00Z', 3 * HOUR],
];
const RESTARTS_EVERY = 13 * DAY;
/** A poll that never came, for this long: the machine was off. */
const DOWNTIME: [string, number] = ['2026-07-10T00:00Z', 4 * DAY];

const at = (text: string): number => Date.parse(text) / 1000;
const isWithin = (time: number, spans: readonly [string, number][]): boolean =>
  spans.some(([from, length]) => time >= at(from) && time < at(from) + length);

/** An office, and a bot that works around the clock and always at the first second of an hour as well. */
function yearOfUsage(): World {
  const series = ['ann', 'bob', 'cat'].map((user) => ({ user, model: user === 'bob' ? 'm2' : 'm1' }));
  const office = officeHours({
    seed: 7,
    start: START,
    end: END,
    series,
    perHour: 1,
    convergence: CONVERGENCE,
  });
  const bot: UsageEvent[] = [];
  for (let hour = START; hour < END; hour += HOUR) {
    for (const [i, time] of [hour, hour + (((hour / HOUR) * 37) % HOUR)].entries()) {
      const late = ((hour / HOUR) * 101 + i * 977) % CONVERGENCE;
      bot.push({
        id: `bot-${time}-${i}`,
        time,
        visibleAt: time + late,
        tags: { user: 'bot', model: 'm1' },
        fields: { input_tokens: (hour / HOUR) % 1000, output_tokens: i },
      });
    }
  }
  return createWorld([...office, ...bot]);
}

const world = yearOfUsage();
const folders: string[] = [];

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapInUse(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

interface Scenario {
  readonly reads: 'series' | 'totals';
  readonly bucket: Bucket;
  readonly zone: string;
  readonly rangeEnd: 'exclusive' | 'inclusive';
  readonly pollInterval: number;
  readonly part: string;
  readonly from: string;
  readonly to: string;
}

interface Year {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly polls: number;
  /** At the end of every month. */
  readonly heap: number[];
  readonly rows: number[];
}

/** A store that can be switched off. */
function fragile(store: Store, isDown: () => boolean): Store {
  const error = new StoreError('unavailable', 'the store is down');
  return {
    ...store,
    write: (points, signal) =>
      isDown()
        ? Promise.resolve({ accepted: 0, rejected: [], kept: points, error })
        : store.write(points, signal),
    sums: (query) => (isDown() ? Promise.reject(error) : store.sums(query)),
    points: (query) => (isDown() ? Promise.reject(error) : store.points(query)),
  };
}

function rowsOf(ledger: Ledger): number {
  return (
    ledger.checkpoints.of('test').length +
    ledger.gaps.of('test').length +
    ledger.spool.size() +
    ledger.lastAnswers.of('test', { start: 0, end: END + DAY }).size
  );
}

async function collectYear({ start, end, ...scenario }: Scenario & Window): Promise<Year> {
  const { reads, bucket, zone, rangeEnd, pollInterval } = scenario;
  // A RAM disk where there is one: a year has more commits than a disk syncs in a minute.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tokentide-year-'));
  folders.push(folder);
  const store = openSqliteStore(join(folder, 'usage.sqlite'));
  let now = start;
  const { vendor, source } = worldVendor(world, {
    reads,
    rangeEnd,
    users: USERS,
    batchSize: 2,
    now: () => now,
    onCall: () => {
      now += 1;
    },
  });
  const connect = () => ({
    ...jobContextOf(
      fakeVendor(),
      fragile(store, () => isWithin(now, STORE_OUTAGES)),
      {
        reads,
        bucket,
        zone,
        pollInterval,
        lookback: LOOKBACK,
        now: () => now,
        start,
        ledger: openLedger(join(folder, 'ledger.sqlite')),
      },
    ),
    source,
  });
  let context = connect();
  const year = { polls: 0, heap: [] as number[], rows: [] as number[] };
  let restartAt = start + RESTARTS_EVERY;
  let monthEnd = start + 30 * DAY;

  for (let tick = start + 7 * MINUTE; tick < end + LOOKBACK + 2 * DAY; tick += pollInterval) {
    now = Math.max(now, tick);
    if (isWithin(now, [DOWNTIME])) continue;
    if (now >= restartAt) {
      context.ledger.close();
      context = connect();
      restartAt += RESTARTS_EVERY;
    }
    vendor.down = isWithin(now, PROVIDER_OUTAGES);
    await poll(context, { signal: new AbortController().signal });
    year.polls += 1;
    if (now < monthEnd) continue;
    monthEnd += 30 * DAY;
    year.heap.push(heapInUse());
    year.rows.push(rowsOf(context.ledger));
  }
  return { ...year, store, ledger: context.ledger };
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const year = { part: 'the year', from: '2026-01-01T00:00Z', to: '2027-01-01T00:00Z' };
const spring = { part: 'spring', from: '2026-03-04T00:00Z', to: '2026-04-02T00:00Z', pollInterval: HOUR };
const autumn = { part: 'autumn', from: '2026-10-20T00:00Z', to: '2026-11-07T00:00Z', pollInterval: HOUR };
const hourly = { bucket: '1h', pollInterval: 2 * HOUR } as const;
const daily = { bucket: '1d', pollInterval: 6 * HOUR } as const;
const berlin = { zone: 'Europe/Berlin' };
const newYork = { zone: 'America/New_York' };
const shanghai = { zone: 'Asia/Shanghai' };

/** Both ways of reading, and both edges of summer time. The rest takes too long for `npm test`. */
const SAMPLE: Scenario[] = [
  { reads: 'totals', rangeEnd: 'exclusive', ...hourly, ...berlin, ...spring, from: '2026-03-25T00:00Z' },
  { reads: 'series', rangeEnd: 'exclusive', ...hourly, ...newYork, ...autumn, from: '2026-10-29T00:00Z' },
];
const ALL: Scenario[] = [
  { reads: 'series', rangeEnd: 'exclusive', ...hourly, ...berlin, ...year },
  { reads: 'totals', rangeEnd: 'inclusive', ...hourly, ...newYork, ...year },
  { reads: 'totals', rangeEnd: 'exclusive', ...hourly, ...shanghai, ...year, pollInterval: 3 * HOUR },
  { reads: 'totals', rangeEnd: 'exclusive', ...hourly, ...berlin, ...spring },
  { reads: 'totals', rangeEnd: 'inclusive', ...hourly, ...berlin, ...autumn },
  { reads: 'series', rangeEnd: 'exclusive', ...hourly, ...newYork, ...spring },
  { reads: 'series', rangeEnd: 'exclusive', ...hourly, ...newYork, ...autumn },
  { reads: 'series', rangeEnd: 'exclusive', ...daily, ...berlin, ...year },
  { reads: 'totals', rangeEnd: 'inclusive', ...daily, ...newYork, ...year },
  { reads: 'series', rangeEnd: 'exclusive', ...daily, ...shanghai, ...year },
];

describe('a year with outages of provider and store, restarts, a downtime and summer time', () => {
  it.each(FULL ? ALL : SAMPLE)(
    '$reads of $bucket in $zone: $part',
    async (scenario) => {
      const { bucket, zone, part, from, to } = scenario;
      const start = bucketStart(at(from), bucket, zone);
      const end = bucketStart(at(to), bucket, zone);

      const result = await collectYear({ ...scenario, start, end });

      const points = await result.store.points({ start: 0, end });
      const nonZero = points.filter(({ fields }) => fields.input_tokens || fields.output_tokens);
      expect(differences(textsOf(nonZero), truePoints(world, bucket, zone, { start, end }))).toEqual([]);
      expect(result.ledger.gaps.of('test')).toEqual([]);
      expect(result.ledger.spool.size()).toBe(0);
      expect(result.ledger.counters.of('test').mismatches ?? 0).toBe(0);
      result.ledger.close();
      await result.store.close();
      if (part !== 'the year') return;
      // Memory and the ledger stay as they were after the first months; the bounds are generous.
      expect(Math.max(...result.rows.slice(6))).toBeLessThan(2 * Math.max(...result.rows.slice(0, 6)));
      expect(result.heap.at(-1)!).toBeLessThan(1.5 * result.heap[1]! + 20_000_000);
    },
    300_000,
  );
});
