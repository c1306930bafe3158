import { describe, expect, it } from 'vitest';
import { FetchError } from '../../src/fetch/errors.ts';
import type { FakeOptions } from '../support/fake-provider.ts';
import { DAY, eventsOf, fixture, HOUR, intercept, MINUTE, START, type Fixture } from './fixture.ts';

const KINDS: [string, FakeOptions][] = [
  ['a series provider', { reads: 'series', batchSize: 8 }],
  ['a provider of totals', { reads: 'totals', batchSize: 8 }],
];
const LOOKBACK = DAY;
const USERS = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8'];

function useAll(f: Fixture, hours: number): void {
  for (let hour = 0; hour < hours; hour++) {
    for (const [i, user] of USERS.entries()) f.use(user, START + hour * HOUR + 10, 10 * hour + i + 1);
  }
}

const without = (user: string, map: Map<string, number>): Map<string, number> =>
  new Map([...map].filter(([key]) => !key.includes(user)));

const gapsOf = (f: Fixture) => f.ledger.gaps.of('test');

describe.each(KINDS)('a member that %s refuses', (_, options) => {
  it('is found by halving the batch, and all others are read', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 2);
    f.vendor.poisoned.add('u6');

    await f.pollAfter(2 * HOUR);

    expect(f.stored()).toEqual(without('u6', f.truth()));
    expect(gapsOf(f)).toMatchObject([
      { partition: 'u6', start: START, end: START + 2 * HOUR, kind: 'refused', attempts: 1 },
    ]);
    const sizes = f.vendor.requests.map(({ users }) => users).slice(0, 7);
    expect(sizes).toEqual([8, 4, 4, 2, 1, 1, 2]);
    expect(eventsOf(f, 'gap')).toHaveLength(1);
  });

  it('is excluded until its next retry, and its gap grows in the meantime', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 8);
    f.vendor.poisoned.add('u6');
    await f.pollAfter(HOUR);
    await f.pollUntil(START + 4 * HOUR, 5 * MINUTE);
    const before = f.vendor.requests.length;

    // Its next try is hours away by now.
    await f.pollUntil(START + 6 * HOUR, 20 * MINUTE);

    const seven = f.vendor.requests.slice(before).filter(({ users }) => users === 8);
    expect(seven.length).toBeLessThanOrEqual(1);
    expect(gapsOf(f)).toMatchObject([{ partition: 'u6', start: START, end: START + 6 * HOUR }]);
    expect(gapsOf(f)[0]!.since).toBe(START + HOUR);
    expect(f.stored()).toEqual(without('u6', f.truth()));
  });

  it('is retried after 5, 10, 20 minutes and so on, and every six hours at the longest', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 3);
    f.vendor.poisoned.add('u6');
    f.now += 2 * HOUR - 5 * MINUTE;
    const tries: number[] = [];

    while (f.now < START + 3 * DAY) {
      const before = f.vendor.requests.length;
      await f.pollAfter(5 * MINUTE);
      if (f.vendor.requests.slice(before).some(({ users }) => users === 8)) tries.push(f.now);
    }

    const waits = tries.slice(1).map((time, i) => (time - tries[i]!) / MINUTE);
    expect(waits.slice(0, 10)).toEqual([5, 10, 20, 40, 80, 160, 320, 360, 360, 360]);
  });

  it('has its gap filled as soon as it answers again', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 30);
    f.vendor.poisoned.add('u6');
    await f.pollUntil(START + 30 * HOUR, HOUR);
    f.vendor.poisoned.delete('u6');

    await f.pollUntil(START + 38 * HOUR, HOUR);

    expect(gapsOf(f)).toEqual([]);
    expect(f.stored()).toEqual(f.truth());
  });

  it('has its gap filled if it answers again only after the lookback', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 30);
    f.vendor.poisoned.add('u6');
    await f.pollUntil(START + 6 * DAY, HOUR);
    f.vendor.poisoned.delete('u6');

    await f.pollUntil(START + 7 * DAY, HOUR);

    expect(gapsOf(f)).toEqual([]);
    expect(f.stored()).toEqual(f.truth());
  });

  it('counts one attempt per poll, whatever the number of windows', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS, maxDays: 1 });
    useAll(f, 48);
    f.vendor.poisoned.add('u6');

    await f.pollAfter(10 * DAY);

    expect(gapsOf(f)).toMatchObject([{ start: START, end: START + 10 * DAY, attempts: 1 }]);
    expect(gapsOf(f)[0]!.nextTry).toBe(f.now + 5 * MINUTE);
    expect(f.stored()).toEqual(without('u6', f.truth()));
  });

  it('does not affect the others if it fails with a server error', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS, batchSize: 1 });
    useAll(f, 10);
    intercept(f, (source) => ({
      read: (request) =>
        request.partitions.some(({ id }) => id === 'u6')
          ? Promise.reject(new FetchError('unavailable', 'HTTP 500'))
          : source.read(request),
    }));

    await f.pollUntil(START + 10 * HOUR, HOUR);

    expect(f.stored()).toEqual(without('u6', f.truth()));
    expect(gapsOf(f)).toMatchObject([{ partition: 'u6', kind: 'unavailable' }]);
  });
});

describe.each(KINDS)('a range that %s refuses for everyone', (_, options) => {
  /** A vendor that does not answer for what is older than five days, and does not say so beforehand. */
  function forgetful(): Fixture {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS, maxDays: 2 });
    intercept(f, (source) => ({
      read: (request) =>
        request.window.start < f.now - 5 * DAY
          ? Promise.reject(new FetchError('refused', 'the start is too long ago'))
          : source.read(request),
    }));
    useAll(f, 12 * 24);
    return f;
  }

  it('does not delay fresh usage', async () => {
    const f = forgetful();
    await f.pollAfter(10 * DAY);
    let stalest = 0;

    for (let poll = 0; poll < 100; poll++) {
      await f.pollAfter(10 * MINUTE);
      const newest = Math.max(...[...f.stored().keys()].map((key) => Number(key.split(' ')[0])));
      stalest = Math.max(stalest, f.now - newest);
    }

    // Two hours: usage of the hour that has just closed, and ten minutes until it is read.
    expect(stalest).toBeLessThanOrEqual(2 * HOUR + 10 * MINUTE);
  });

  it('does not cause one request for each of a thousand members', async () => {
    const users = Array.from({ length: 1000 }, (_, i) => `u${i}`);
    const f = fixture({ ...options, lookback: LOOKBACK, users, batchSize: 100 });
    for (const user of users) f.vendor.poisoned.add(user);

    await f.pollAfter(2 * HOUR);

    expect(f.vendor.requests.length).toBeLessThanOrEqual(199 + 9);
    expect(gapsOf(f)).toHaveLength(1000);
  });

  it('is a gap of every member', async () => {
    const f = forgetful();

    await f.pollAfter(10 * DAY);

    expect(new Set(gapsOf(f).map(({ partition }) => partition))).toEqual(new Set(USERS));
    expect(gapsOf(f).every(({ start, kind }) => start === START && kind === 'refused')).toBe(true);
  });
});
