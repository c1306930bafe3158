import { describe, expect, it, test } from 'vitest';
import { FetchError } from '../../src/fetch/errors.ts';
import { ALL_PARTITIONS } from '../../src/ledger/gaps.ts';
import type { FakeOptions } from '../support/fake-provider.ts';
import { DAY, eventsOf, fixture, HOUR, intercept, MINUTE, START, type Fixture } from './fixture.ts';

const KINDS: [string, FakeOptions][] = [
  ['a series provider', { reads: 'series', batchSize: 8 }],
  ['a provider of totals', { reads: 'totals', batchSize: 8 }],
];
const LOOKBACK = DAY;
const USERS = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8'];
const MORE = Array.from({ length: 40 }, (_, i) => `v${i}`);

function useAll(f: Fixture, hours: number, users: readonly string[] = USERS): void {
  for (let hour = 0; hour < hours; hour++) {
    for (const [i, user] of users.entries()) f.use(user, START + hour * HOUR + 10, 10 * hour + i + 1);
  }
}

const without = (users: readonly string[], map: Map<string, number>): Map<string, number> =>
  new Map([...map].filter(([key]) => !users.includes(key.split(' ')[1]!)));

const gapsOf = (f: Fixture) => f.ledger.gaps.of('test');

describe.each(KINDS)('a member for which %s always returns a server error', (_, options) => {
  it.each<[string, string[], string[]]>([
    ['the only batch', USERS, ['u6']],
    ['one of several batches', [...USERS, ...MORE], ['u6']],
    ['the first batch, with others like it', [...USERS, ...MORE], ['u1', 'u2', 'u5']],
    ['three batches next to each other', [...USERS, ...MORE], ['u1', 'v1', 'v9']],
  ])('is the only gap after a quarter of an hour, in %s', async (_where, users, broken) => {
    const f = fixture({ ...options, lookback: LOOKBACK, users });
    useAll(f, 2, users);
    for (const user of broken) f.vendor.broken.add(user);
    f.now = START + 2 * HOUR;

    await f.pollUntil(START + 2 * HOUR + 15 * MINUTE, 5 * MINUTE);

    expect(f.stored()).toEqual(without(broken, f.truth()));
    expect(new Set(gapsOf(f).map(({ partition }) => partition))).toEqual(new Set(broken));
    expect(gapsOf(f).every(({ kind }) => kind === 'unavailable')).toBe(true);
  });

  it('does not affect others with one request each, also if there are many such members', async () => {
    const users = [...USERS, ...MORE];
    const f = fixture({ ...options, lookback: LOOKBACK, users, batchSize: 1 });
    const broken = users.slice(0, 12);
    useAll(f, 4, users);
    for (const user of broken) f.vendor.broken.add(user);

    await f.pollUntil(START + 4 * HOUR, 5 * MINUTE);

    expect(f.stored()).toEqual(without(broken, f.truth()));
  });

  it('costs one more call per poll once it is isolated', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: [...USERS, ...MORE] });
    f.vendor.broken.add('u6');
    await f.pollUntil(START + 2 * HOUR, 5 * MINUTE);
    const before = f.vendor.requests.length;

    await f.pollAfter(MINUTE);

    expect(f.vendor.requests.length - before).toBeLessThanOrEqual(7);
  });

  it('has its gap filled when it answers again', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 30);
    f.vendor.broken.add('u6');
    await f.pollUntil(START + 30 * HOUR, 20 * MINUTE);
    f.vendor.broken.clear();

    await f.pollUntil(START + 38 * HOUR, HOUR);

    expect(gapsOf(f)).toEqual([]);
    expect(f.stored()).toEqual(f.truth());
  });

  it('does not block the backlog', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS, maxDays: 1 });
    useAll(f, 24 * 6);
    f.vendor.broken.add('u6');
    f.now = START + 6 * DAY;

    await f.pollUntil(START + 6 * DAY + HOUR, 5 * MINUTE);

    expect(f.stored()).toEqual(without(['u6'], f.truth()));
  });
});

describe.each(KINDS)('an unexpected error with %s', (_, options) => {
  /** Answers with the user make the code throw, as two rows do whose sum does not fit a counter. */
  function throwFor(f: Fixture, culprit: string): { fixed: boolean } {
    const state = { fixed: false };
    intercept(f, (source) => ({
      read: (request) =>
        !state.fixed && request.partitions.some(({ id }) => id === culprit)
          ? Promise.reject(new RangeError('a sum above 9223372036854775807'))
          : source.read(request),
    }));
    return state;
  }

  it('becomes a gap of the member concerned, and the others are read', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 2);
    throwFor(f, 'u6');

    const report = await f.pollAfter(2 * HOUR);

    expect(report.error).toBeUndefined();
    expect(f.stored()).toEqual(without(['u6'], f.truth()));
    expect(gapsOf(f)).toMatchObject([
      { partition: 'u6', start: START, end: START + 2 * HOUR, kind: 'unexpected', attempts: 1 },
    ]);
    expect(eventsOf(f, 'gap')[0]!.error.stack).toMatch(/^RangeError: a sum above/);
  });

  it('leaves no gap after it is fixed', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 20);
    const state = throwFor(f, 'u6');
    await f.pollUntil(START + 10 * HOUR, HOUR);
    state.fixed = true;

    await f.pollUntil(START + 20 * HOUR, HOUR);

    expect(gapsOf(f)).toEqual([]);
    expect(f.stored()).toEqual(f.truth());
  });

  it('in the store becomes a gap of the window, with exponential backoff', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 2);
    const write = f.store.write.bind(f.store);
    let isBroken = true;
    let writes = 0;
    f.store.write = (points, signal) => {
      writes += 1;
      if (isBroken && points.some(({ time }) => time === START)) throw new TypeError('not a function');
      return write(points, signal);
    };

    const report = await f.pollAfter(2 * HOUR);
    const [gap] = gapsOf(f);
    await f.pollUntil(START + 6 * HOUR, 5 * MINUTE);
    const tried = writes;
    isBroken = false;
    await f.pollUntil(START + 12 * HOUR, HOUR);

    expect(report.error).toMatchObject({ kind: 'unexpected', message: 'not a function' });
    expect(gap).toMatchObject({ partition: ALL_PARTITIONS, kind: 'unexpected', attempts: 1 });
    // At first and after 5, 15, 35, 75 and 155 minutes.
    expect(tried).toBeLessThanOrEqual(7);
    expect(gapsOf(f)).toEqual([]);
    expect(f.stored()).toEqual(f.truth());
  });

  it('in the listing is reported, and the next poll reads all that is missing', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: USERS });
    useAll(f, 4);
    let isBroken = true;
    intercept(f, (source) => ({
      partitions: (signal) =>
        isBroken ? Promise.reject(new TypeError('undefined is not iterable')) : source.partitions(signal),
    }));

    const report = await f.pollAfter(2 * HOUR);
    isBroken = false;
    await f.pollAfter(2 * HOUR);

    expect(report.error?.kind).toBe('unexpected');
    expect(gapsOf(f)).toEqual([]);
    expect(f.stored()).toEqual(f.truth());
  });
});

test('a day that the provider never returns for a partition holds back no other day of it', async () => {
  const f = fixture({ reads: 'series', batchSize: 1, lookback: LOOKBACK, users: USERS, maxDays: 1 });
  useAll(f, 6 * 24);
  const day = { start: START + 3 * DAY, end: START + 4 * DAY };
  intercept(f, (source) => ({
    read: (request) =>
      request.window.start === day.start && request.partitions.some(({ id }) => id === 'u6')
        ? Promise.reject(new FetchError('unavailable', 'always'))
        : source.read(request),
  }));
  const isMissing = (key: string, tokens: number): boolean => key.includes(' u6 ') && tokens > 0;

  await f.pollAfter(6 * DAY);
  const [first] = gapsOf(f);
  await f.pollAfter(10 * MINUTE);

  expect(first).toMatchObject({ partition: 'u6', start: START, end: day.end });
  expect(gapsOf(f)).toEqual([expect.objectContaining({ partition: 'u6', ...day, attempts: 2 })]);
  const missing = [...f.truth()].filter(([key, tokens]) => isMissing(key, tokens) && !f.stored().has(key));
  expect(missing).toHaveLength(24);
});
