import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JobContext } from '../../src/collect/context.ts';
import { backfillWindow, planBackfill } from '../../src/collect/poll/backfill.ts';
import { poll, readWindow } from '../../src/collect/poll/poll.ts';
import { createWorld, officeHours, type UsageEvent } from '../../src/simulator/world.ts';
import type { Window } from '../../src/windows/window.ts';
import { jobContextOf, DAY, HOUR } from '../support/job-context.ts';
import { FULL } from '../support/extent.ts';
import { fakeVendor } from '../support/fake-provider.ts';
import { memoryStore } from '../support/memory-store.ts';
import { differences, textsOf, truePoints, worldVendor } from './world-vendor.ts';

const MEMBERS = Array.from({ length: 1000 }, (_, index) => `member-${index}@example.com`);
const ACTIVE = MEMBERS.filter((_, index) => index % 10 === 3);
const BATCHES = 10;
const START = Date.UTC(2026, 9, 1) / 1000 - 8 * HOUR;
const NOW = START + 30 * DAY;
const BUCKETS = 720;
const NAIVE = BUCKETS * BATCHES;
const signal = new AbortController().signal;

/** A hundred members who work in office hours on working days. */
function office(): UsageEvent[] {
  const series = ACTIVE.map((user) => ({ user, model: 'm' }));
  return officeHours({ seed: 3, start: START, end: NOW, series, perHour: 1 });
}

/** A hundred members, or others, each busy in every single hour of the last days. */
function aroundTheClock(days: number, users = ACTIVE): UsageEvent[] {
  const events: UsageEvent[] = [];
  for (let hour = NOW - days * DAY; hour < NOW; hour += HOUR) {
    for (const user of users) {
      const time = hour + 61;
      const fields = { input_tokens: 1 + (time % 97) };
      events.push({ id: `${time} ${user}`, time, visibleAt: time, tags: { user, model: 'm' }, fields });
    }
  }
  return events;
}

/** The look-back is short, so that a back-fill is about settled ranges, and the range end known. */
function collector(events: UsageEvent[], { lookback = HOUR, start = START } = {}) {
  const clock = { now: NOW };
  const world = createWorld(events);
  const { vendor, source } = worldVendor(world, {
    reads: 'totals',
    users: MEMBERS,
    batchSize: 100,
    rangeEnd: 'exclusive',
    now: () => clock.now,
  });
  const store = memoryStore();
  const options = { reads: 'totals' as const, start, now: () => clock.now, lookback };
  const context = {
    ...jobContextOf(fakeVendor(), store, { ...options, zone: 'Asia/Shanghai', batchSize: 100 }),
    source,
  };
  context.ledger.jobs.save('test', { identity: 'test', clock: 0, rangeEnd: 'exclusive' });
  const calls = async (): Promise<number> => {
    const before = vendor.calls.length;
    await poll(context, { signal });
    return vendor.calls.length - before;
  };
  return { clock, vendor, store, context, world, calls };
}

/** A window of which nothing is known, in one read. */
async function readWhole(context: JobContext, window: Window): Promise<void> {
  const partitions = await context.source.partitions(signal);
  await readWindow(context, { window, partitions, allPartitions: true, baseline: 'ledger', signal });
}

/** The figures of the table in docs/windows.md, by its first column. */
function documented(): Map<string, number> {
  const page = readFileSync(new URL('../../docs/windows.md', import.meta.url), 'utf8');
  const rows = page.matchAll(/^\| ([^|]+?) +\| +([\d,]+) +\|/gm);
  return new Map([...rows].map(([, what = '', calls = '']) => [what, Number(calls.replaceAll(',', ''))]));
}

describe('calls for 1,000 members of whom 100 are active, by the hour', () => {
  const table = documented();

  it.runIf(FULL)(
    'reads 30 days of office hours in a tenth of the calls that single buckets take, and every point is right',
    async () => {
      const { calls, store, world } = collector(office());

      const made = await calls();

      expect(made).toBe(table.get('30 days, office hours'));
      expect(made).toBeLessThanOrEqual(NAIVE / 10);
      expect(textsOf(store.contents.values())).toEqual(
        truePoints(world, '1h', 'Asia/Shanghai', { start: START, end: NOW }),
      );
    },
  );

  it.runIf(FULL)(
    'makes hardly more than one call per bucket where 100 members are busy in every hour of 10 days',
    async () => {
      const days = 10;
      const { calls, store, world } = collector(aroundTheClock(days), { start: NOW - days * DAY });

      const made = await calls();

      expect(made).toBe(table.get('10 days, 100 members busy in every hour'));
      // 240 buckets take 240 responses; nine more find the idle members, and a few verify inferred buckets.
      expect(made).toBeLessThanOrEqual(24 * days + 3 * BATCHES);
      expect(textsOf(store.contents.values())).toEqual(
        truePoints(world, '1h', 'Asia/Shanghai', { start: START, end: NOW }),
      );
    },
  );

  it.runIf(FULL)(
    'makes about one call per bucket where 100 members are busy in every hour of 30 days',
    async () => {
      const { context, vendor, store, world } = collector(aroundTheClock(30));

      await readWhole(context, { start: START, end: NOW });

      expect(vendor.calls.length).toBe(table.get('30 days, 100 members busy in every hour'));
      // 720 unknown buckets take 720 equations, and nine more find the idle members: fewer are not possible.
      expect(vendor.calls.length).toBeGreaterThanOrEqual(BUCKETS + BATCHES - 1);
      expect(vendor.calls.length).toBeLessThanOrEqual(NAIVE / 9);
      const points = truePoints(world, '1h', 'Asia/Shanghai', { start: START, end: NOW });
      expect(differences(textsOf(store.contents.values()), points)).toEqual([]);
    },
  );

  it('makes no more than one call per bucket and batch where everyone is busy in every hour', async () => {
    const day = { start: NOW - 3 * DAY, end: NOW - 2 * DAY };
    const { context, vendor } = collector(aroundTheClock(3, MEMBERS));

    await readWhole(context, day);

    expect(vendor.calls.length).toBe(table.get('a day, 1,000 members busy in every hour'));
    expect(vendor.calls.length).toBeLessThanOrEqual(24 * BATCHES);
  });

  it('verifies no inferred bucket when bisection has saved no calls', async () => {
    const days = { start: NOW - 4 * DAY, end: NOW - 2 * DAY };
    const { context, vendor } = collector(aroundTheClock(4, MEMBERS));

    await readWhole(context, days);

    // Totals over more than a day are not trusted, so every inferred bucket is waiting to be verified.
    expect(vendor.calls.length).toBeLessThanOrEqual(48 * BATCHES);
  });

  it('requests both halves of what may still change when it is read for the first time', async () => {
    const days = { start: NOW - 3 * DAY, end: NOW };
    const { context, vendor } = collector(aroundTheClock(3), { lookback: 3 * DAY });

    await readWhole(context, days);

    expect(vendor.calls.length).toBe(
      table.get('the lookback for the first time, 100 members busy in every hour'),
    );
    expect(vendor.calls.length).toBeLessThanOrEqual(2 * 72 + BATCHES);
  });

  it.runIf(FULL)('makes one call per batch when nothing has changed in three days', async () => {
    const { calls, clock, vendor } = collector(office(), { lookback: 3 * DAY });
    const evening = START + 25 * DAY + 21 * HOUR;
    for (let minute = 0; minute < 55; minute += 5) {
      clock.now = evening + minute * 60;
      await calls();
    }

    clock.now = evening + 55 * 60;
    const quiet = await calls();
    clock.now = evening + HOUR;
    const firstOfTheHour = await calls();

    expect(quiet).toBe(table.get('a quiet poll of the lookback'));
    expect(quiet).toBe(BATCHES);
    expect(firstOfTheHour).toBe(table.get('the same, with the last read of a bucket'));
    expect(vendor.calls.slice(-BATCHES - 1)).toEqual(Array(BATCHES + 1).fill(100));
  });

  it.runIf(FULL)('compares the days of those who have usage when a range is backfilled again', async () => {
    const { calls, context, vendor, store } = collector(office());
    await calls();
    const { written } = store;
    const before = vendor.calls.length;

    const range = { start: START, end: NOW - DAY };
    const planned = planBackfill(context, range, await context.source.partitions(signal));
    for (const window of planned.windows) {
      await backfillWindow(context, planned, window, { from: '29d', to: undefined, full: false }, signal);
    }

    expect(vendor.calls.length - before).toBe(table.get('29 days again, nothing has changed'));
    expect(store.written).toBe(written);
  });

  it('reads only the changed hour of the changed member', async () => {
    const evening = START + 25 * DAY + 21 * HOUR;
    const time = START + 24 * DAY + 3 * HOUR;
    const tags = { user: ACTIVE[0]!, model: 'm' };
    const late = {
      id: 'late',
      time,
      visibleAt: evening + HOUR,
      tags,
      fields: { input_tokens: 5, output_tokens: 1 },
    };
    const { calls, clock, store } = collector([...office(), late], { lookback: 3 * DAY });
    clock.now = evening;
    await calls();
    clock.now = evening + HOUR;

    const made = await calls();

    expect(made).toBe(table.get('one late hour of one member'));
    expect([...store.contents.values()].filter((point) => point.time === time)).toHaveLength(1);
  });

  it.runIf(FULL)('leaves idle members out after the first response', async () => {
    const { calls, vendor } = collector(office());

    await calls();

    expect(vendor.calls.slice(0, BATCHES)).toEqual(Array(BATCHES).fill(100));
    // All active members fit into one batch: from then on a range takes one call, not ten.
    expect(vendor.calls.length).toBeLessThan(BATCHES + BUCKETS);
  });
});
