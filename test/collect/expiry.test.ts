import { describe, expect, it } from 'vitest';
import { poll } from '../../src/collect/poll/poll.ts';
import { ALL_PARTITIONS } from '../../src/ledger/gaps.ts';
import { jobContextOf, DAY, HOUR } from '../support/job-context.ts';
import { fakeVendor } from '../support/fake-provider.ts';
import { memoryStore } from '../support/memory-store.ts';

const START = Date.UTC(2026, 9, 1) / 1000;
const signal = new AbortController().signal;

describe('a gap', () => {
  it('expires without a request if it is older than the retention of the provider', async () => {
    const vendor = fakeVendor();
    vendor.users.add('ann');
    const now = START + 10 * DAY;
    const context = jobContextOf(vendor, memoryStore(), {
      reads: 'series',
      start: START,
      now: () => now,
      lookback: DAY,
      job: { retention: 4 * DAY },
    });

    await poll(context, { signal });

    const gaps = context.ledger.gaps.of('test');
    expect(gaps).toMatchObject([
      { partition: ALL_PARTITIONS, start: START, end: START + 6 * DAY, expired: true, kind: 'retention' },
    ]);
    expect(Math.min(...vendor.requests.map(({ start }) => start))).toBe(START + 6 * DAY);
    expect(context.events).toContainEqual({ type: 'expired', job: 'test', gaps: 1 });
  });

  it('of an outage stays one gap, and the part within the retention is read afterwards', async () => {
    const vendor = fakeVendor();
    vendor.users.add('ann');
    let now = START + 2 * DAY;
    const context = jobContextOf(vendor, memoryStore(), {
      reads: 'series',
      start: START,
      now: () => now,
      lookback: DAY,
      job: { retention: 3 * DAY },
    });
    await poll(context, { signal });
    vendor.down = true;
    for (; now < START + 9 * DAY; now += 6 * HOUR) await poll(context, { signal });
    vendor.down = false;

    await poll(context, { signal });

    const gaps = context.ledger.gaps.of('test');
    expect(gaps.every(({ expired }) => expired)).toBe(true);
    expect(Math.min(...gaps.map(({ start }) => start))).toBe(START + 2 * DAY);
    expect(Math.max(...gaps.map(({ end }) => end))).toBe(START + 6 * DAY);
  });

  it('of a partition that has been absent for longer than the lookback expires', async () => {
    const vendor = fakeVendor();
    vendor.users.add('ann').add('bob');
    vendor.poisoned.add('bob');
    let now = START + DAY;
    const context = jobContextOf(vendor, memoryStore(), {
      reads: 'series',
      start: START,
      now: () => now,
      lookback: DAY,
    });
    await poll(context, { signal });
    vendor.users.delete('bob');
    now += HOUR;
    await poll(context, { signal });
    const before = context.ledger.gaps.of('test').map(({ expired }) => expired);

    now += DAY;
    await poll(context, { signal });

    expect(before).toEqual([false]);
    expect(context.ledger.gaps.of('test')).toMatchObject([{ partition: 'bob', expired: true }]);
  });
});
