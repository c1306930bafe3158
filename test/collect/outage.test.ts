import { describe, expect, it } from 'vitest';
import { poll } from '../../src/collect/poll/poll.ts';
import { ALL_PARTITIONS } from '../../src/ledger/gaps.ts';
import type { FakeOptions } from '../support/fake-provider.ts';
import { DAY, eventsOf, fixture, HOUR, START, type Fixture } from './fixture.ts';

const KINDS: [string, FakeOptions][] = [
  ['a series provider', { reads: 'series' }],
  ['a provider of totals', { reads: 'totals' }],
];
const LOOKBACK = DAY;

function useAll(f: Fixture, days: number): void {
  for (let hour = 0; hour < days * 24; hour += 2) {
    for (const user of ['ann', 'bob']) f.use(user, START + hour * HOUR + 10, hour + 1);
  }
}

describe.each(KINDS)('while %s is unreachable', (_, options) => {
  it.each([
    ['an hour', HOUR],
    ['a day', DAY],
    ['eight days', 8 * DAY],
  ])(
    'for %s, one gap covers all partitions, and the next poll after the outage fills it',
    async (_, length) => {
      const f = fixture({ ...options, lookback: LOOKBACK });
      useAll(f, 12);
      await f.pollUntil(START + 10 * HOUR, HOUR);
      f.vendor.down = true;
      await f.pollUntil(START + 10 * HOUR + length, HOUR);
      const gaps = f.ledger.gaps.of('test');
      f.vendor.down = false;

      const report = await f.pollAfter(HOUR);

      expect(gaps).toMatchObject([
        {
          partition: ALL_PARTITIONS,
          start: START + 10 * HOUR,
          end: START + 10 * HOUR + length,
          since: START + 11 * HOUR,
          kind: 'unavailable',
          expired: false,
        },
      ]);
      expect(report).toMatchObject({ left: 0 });
      expect(f.ledger.gaps.of('test')).toEqual([]);
      expect(f.stored()).toEqual(f.truth());
    },
  );

  it('a poll makes no request for usage', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK });
    await f.pollUntil(START + 2 * HOUR, HOUR);
    f.vendor.down = true;
    const { length } = f.vendor.requests;

    const report = await f.pollAfter(HOUR);

    expect(f.vendor.requests.length).toBe(length);
    expect(report.error?.kind).toBe('unavailable');
    expect(report.windows).toBe(0);
  });

  it('attempts are counted', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK });
    f.vendor.down = true;

    for (let poll = 0; poll < 5; poll++) await f.pollAfter(HOUR);

    expect(f.ledger.gaps.of('test')).toMatchObject([{ attempts: 5 }]);
    expect(eventsOf(f, 'gap').every(({ partition }) => partition === ALL_PARTITIONS)).toBe(true);
  });
});

describe.each(KINDS)('after the daemon was down, with %s', (_, options) => {
  it.each([
    ['an hour', HOUR],
    ['a day', DAY],
    ['thirty days', 30 * DAY],
  ])('for %s, the next poll reads all that is missing', async (_, length) => {
    const f = fixture({ ...options, lookback: LOOKBACK });
    useAll(f, 32);
    await f.pollUntil(START + 10 * HOUR, HOUR);

    f.restart();
    await f.pollAfter(length);

    expect(f.stored()).toEqual(f.truth());
    expect(f.ledger.gaps.of('test')).toEqual([]);
  });

  it('a long backlog yields to the next poll, which continues where it stopped', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, maxDays: 1 });
    useAll(f, 40);
    f.now = START + 40 * DAY;
    let windows = 0;
    let polls = 0;

    for (let left = 1; left > 0 && polls < 50; polls++) {
      let more = 5;
      f.now += 300;
      const report = await pollFor(f, () => more-- > 0);
      windows += report.windows;
      left = report.left;
    }

    expect(f.stored()).toEqual(f.truth());
    expect(polls).toBeGreaterThan(5);
    expect(windows).toBeLessThan(60);
  });
});

function pollFor(f: Fixture, mayContinue: () => boolean) {
  return poll(f.context, { signal: new AbortController().signal, mayContinue });
}
