import { describe, expect, it } from 'vitest';
import type { FakeOptions } from '../support/fake-provider.ts';
import { DAY, fixture, HOUR, intercept, START, type Fixture } from './fixture.ts';

const KINDS: [string, FakeOptions][] = [
  ['a series provider', { reads: 'series', batchSize: 2 }],
  ['a provider of totals', { reads: 'totals', batchSize: 2 }],
];

/** A vendor whose usage is final two hours after it happened, and that says so. */
function punctual(options: FakeOptions): Fixture {
  const f = fixture({ ...options, lookback: 3 * DAY });
  for (let hour = 0; hour < 48; hour += 3) f.use('ann', START + hour * HOUR + 10, hour + 1, HOUR);
  intercept(f, (source) => ({
    read: async (request) => ({ ...(await source.read(request)), completeUntil: f.now - 2 * HOUR }),
  }));
  return f;
}

describe.each(KINDS)('buckets that %s calls final', (_, options) => {
  it('are not read again', async () => {
    const f = punctual(options);

    await f.pollUntil(START + 4 * DAY, HOUR);

    const last = f.vendor.requests.filter(({ start }) => start < START + 40 * HOUR).at(-1)!;
    expect(f.vendor.requests.indexOf(last)).toBeLessThan(f.vendor.requests.length * 0.6);
    expect(f.stored()).toEqual(f.truth());
    expect(f.ledger.lastAnswers.of('test', { start: 0, end: f.now - 4 * HOUR }).size).toBe(0);
  });

  it('are written at once where a point cannot be overwritten', async () => {
    const f = punctual(options);
    f.store.overwrites = false;

    await f.pollUntil(START + DAY, HOUR);

    const until = f.now - 2 * HOUR;
    const isFinal = ([key]: [string, number]): boolean => Number(key.split(' ')[0]) < until;
    expect(f.stored()).toEqual(new Map([...f.truth()].filter(isFinal)));
  });

  it('become final after the lookback if one answer does not say', async () => {
    const f = fixture({ ...options, lookback: DAY });
    for (let hour = 0; hour < 24; hour += 3) f.use('ann', START + hour * HOUR + 10, hour + 1, 5 * HOUR);
    let calls = 0;
    intercept(f, (source) => ({
      read: async (request) => ({
        ...(await source.read(request)),
        ...(calls++ % 2 === 0 && { completeUntil: f.now }),
      }),
    }));

    await f.pollUntil(START + 3 * DAY, HOUR);

    expect(f.stored()).toEqual(f.truth());
  });
});
