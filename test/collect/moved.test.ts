import { describe, expect, it } from 'vitest';
import { alignToBuckets, backfillWindow, planBackfill } from '../../src/collect/poll/backfill.ts';
import type { FakeOptions } from '../support/fake-provider.ts';
import { DAY, eventsOf, fixture, HOUR, START, type Fixture } from './fixture.ts';

const KINDS: [string, FakeOptions][] = [
  ['a provider of totals', { reads: 'totals', batchSize: 2 }],
  ['a provider of totals that does not tell whose', { reads: 'totals', batchSize: 2, untagged: true }],
  ['a series provider', { reads: 'series', batchSize: 2 }],
];
const LOOKBACK = DAY;
const USERS = ['ann', 'bob', 'cat'];
const signal = new AbortController().signal;

function useAll(f: Fixture, hours: number): void {
  for (let hour = 0; hour < hours; hour += 3) {
    for (const user of ['ann', 'bob']) f.use(user, START + hour * HOUR + 10, hour + 1);
  }
}

/** The vendor corrects the hour of some usage. Every total that holds both hours stays as it is. */
function move(f: Fixture, user: string, fromHour: number, toHour: number): void {
  const index = f.vendor.uses.findIndex(
    (use) => use.user === user && use.time === START + fromHour * HOUR + 10,
  );
  f.vendor.uses[index] = { ...f.vendor.uses[index]!, time: START + toHour * HOUR + 10 };
}

async function backfill(f: Fixture, days: number, full = false): Promise<void> {
  const range = alignToBuckets(f.context, { start: START, end: START + days * DAY });
  const planned = planBackfill(f.context, range, await f.context.source.partitions(signal));
  for (const window of planned.windows) {
    await backfillWindow(f.context, planned, window, { from: 'a', to: undefined, full }, signal);
  }
}

describe.each(KINDS)('usage that %s moves to another hour', (_, options) => {
  it.each<[string, number, number]>([
    ['an earlier one', 15, 4],
    ['a later one', 6, 17],
    ['one with usage', 6, 9],
  ])('to %s, is stored there at the last read', async (_which, from, to) => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 20);
    // The next poll is the last read of the older one of the two buckets.
    await f.pollUntil(START + LOOKBACK + Math.min(from, to) * HOUR, HOUR);
    move(f, 'ann', from, to);

    await f.pollUntil(START + 4 * DAY, HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(f.ledger.counters.of('test').mismatches ?? 0).toBe(0);
  });

  it('within the lookback is found by the poll after a downtime', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 20);
    await f.pollUntil(START + 21 * HOUR, HOUR);
    move(f, 'bob', 6, 10);

    await f.pollAfter(5 * DAY);

    expect(f.stored()).toEqual(f.truth());
  });
});

describe.each(KINDS.slice(0, 2))('usage that %s moves to another day', (_, options) => {
  it('after the lookback is found by a backfill', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 9 * 24);
    await f.pollUntil(START + 10 * DAY, 6 * HOUR);
    move(f, 'ann', 30, 5 * 24 + 2);

    await backfill(f, 9);

    expect(f.stored()).toEqual(f.truth());
  });

  it.each<[string, number, number]>([
    ['an older', 35 * 24, 5 * 24 + 2],
    ['a newer', 5 * 24, 35 * 24 + 2],
  ])('in %s step of 30 days is found by a backfill', async (_which, from, to) => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    for (let hour = 0; hour < 40 * 24; hour += 12) f.use('ann', START + hour * HOUR + 10, hour + 1);
    await f.pollAfter(42 * DAY);
    move(f, 'ann', from, to);

    await backfill(f, 40);

    expect(f.stored()).toEqual(f.truth());
  });

  it('within the lookback, from a final bucket, is found by a backfill', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 4 * 24);
    await f.pollUntil(START + 4 * DAY, 6 * HOUR);
    move(f, 'ann', 2 * 24 + 12, 3 * 24 + 20);
    await f.pollUntil(START + 6 * DAY, 6 * HOUR);

    await backfill(f, 5);

    expect(f.stored()).toEqual(f.truth());
  });
});

describe.each(KINDS.slice(0, 2))('a full backfill of %s', (_, options) => {
  it.each<[string, number, number]>([
    ['an earlier hour', 57, 50],
    ['a later hour', 51, 59],
    ['a later hour, from the oldest bucket with usage', 0, 4],
  ])('finds usage that moved within a day, to %s', async (_which, from, to) => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    for (let hour = 0; hour < 5 * 24; hour += 3) f.use('ann', START + hour * HOUR + 10, hour + 1);
    await f.pollUntil(START + 7 * DAY, 6 * HOUR);
    move(f, 'ann', from, to);

    await backfill(f, 5);
    expect(f.stored()).not.toEqual(f.truth());
    await backfill(f, 5, true);

    expect(f.stored()).toEqual(f.truth());
  });

  it('that finds nothing new makes at most one call per bucket and batch, and writes nothing', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 5 * 24);
    await f.pollUntil(START + 7 * DAY, 6 * HOUR);
    const before = f.vendor.requests.length;
    const written = eventsOf(f, 'written').length;

    await backfill(f, 5, true);

    expect(f.vendor.requests.length - before).toBeLessThanOrEqual(5 * 24 * 2);
    expect(eventsOf(f, 'written')).toHaveLength(written);
  });
});

describe('a backfill of totals that finds nothing new', () => {
  it('makes one call for the range and one for each day of members with usage', async () => {
    const f = fixture({ reads: 'totals', batchSize: 2, lookback: LOOKBACK, users: [...USERS, 'dan'] });
    useAll(f, 9 * 24);
    await f.pollUntil(START + 11 * DAY, 6 * HOUR);
    const before = f.vendor.requests.length;

    await backfill(f, 9);

    expect(f.vendor.requests.slice(before).map(({ users }) => users)).toEqual(Array(2 + 9).fill(2));
  });

  it('keeps points that the provider no longer reports', async () => {
    const f = fixture({ reads: 'totals', batchSize: 2, lookback: LOOKBACK, users: USERS });
    useAll(f, 9 * 24);
    await f.pollUntil(START + 11 * DAY, 6 * HOUR);
    const before = f.stored();
    f.vendor.uses.splice(0, 40);

    await backfill(f, 9);

    expect(f.stored()).toEqual(before);
  });

  it('keeps a whole day that the provider no longer reports', async () => {
    const f = fixture({ reads: 'totals', batchSize: 2, lookback: LOOKBACK, users: USERS });
    useAll(f, 9 * 24);
    await f.pollUntil(START + 11 * DAY, 6 * HOUR);
    const before = f.stored();
    const day = START + 4 * DAY;
    const others = f.vendor.uses.filter(({ time }) => time < day || time >= day + DAY);
    f.vendor.uses.splice(0, Infinity, ...others);

    await backfill(f, 9);
    await backfill(f, 9, true);

    expect(f.stored()).toEqual(before);
  });
});
