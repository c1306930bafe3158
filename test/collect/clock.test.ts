import { describe, expect, it } from 'vitest';
import type { Job } from '../../src/collect/job.ts';
import { DAY, eventsOf, fixture, HOUR, MINUTE, START } from './fixture.ts';
import type { FakeOptions } from '../support/fake-provider.ts';

const KINDS: [string, FakeOptions][] = [
  ['a series provider', { reads: 'series' }],
  ['a provider of totals', { reads: 'totals' }],
];
const LOOKBACK = DAY;

describe.each(KINDS)('a system clock that was ahead and moves backwards, with %s', (_, options) => {
  /** The daemon's clock is two days ahead for some hours, while the vendor's is right. */
  function wrongClock(job: Partial<Job> = {}) {
    let ahead = 0;
    const f = fixture({ ...options, lookback: LOOKBACK, job, vendorNow: () => f.now - ahead });
    const set = (seconds: number): void => {
      f.now += seconds - ahead;
      ahead = seconds;
    };
    return { f, set };
  }

  it('causes a re-read of all windows that were read under the wrong clock', async () => {
    const { f, set } = wrongClock();
    for (let hour = 0; hour < 12; hour++) f.use('ann', START + hour * HOUR + 10, hour + 1, 2 * HOUR);
    await f.pollUntil(START + 5 * HOUR, HOUR);
    set(2 * DAY);
    await f.pollUntil(f.now + 3 * HOUR, HOUR);

    set(0);
    await f.pollUntil(START + 3 * DAY, HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(eventsOf(f, 'clock_back')).toEqual([{ type: 'clock_back', job: 'test', seconds: 2 * DAY - HOUR }]);
  });

  it('causes no re-read of a year of history if it moves by some minutes', async () => {
    const { f, set } = wrongClock();
    for (let day = 0; day < 60; day++) f.use('ann', START + day * DAY + 10, day + 1);
    await f.pollUntil(START + 60 * DAY, 12 * HOUR);
    set(10 * MINUTE);
    await f.pollAfter(MINUTE);
    set(0);
    const { length } = f.vendor.requests;

    await f.pollAfter(0);

    expect(eventsOf(f, 'clock_back')).toHaveLength(1);
    const oldest = Math.min(...f.vendor.requests.slice(length).map(({ start }) => start));
    expect(oldest).toBeGreaterThanOrEqual(f.now - 3 * LOOKBACK);
  });

  it('causes a re-read of all buckets that became final in weeks under the wrong clock', async () => {
    const { f, set } = wrongClock();
    for (let hour = 0; hour < 10 * 24; hour += 5) f.use('ann', START + hour * HOUR + 10, hour + 1, 20 * HOUR);
    set(2 * DAY);
    await f.pollUntil(f.now + 20 * DAY, 2 * HOUR);
    const wrong = f.stored();
    set(0);

    await f.pollAfter(HOUR);

    expect(wrong).not.toEqual(f.truth());
    expect(f.stored()).toEqual(f.truth());
  });

  it('does not extend the pause of the store', async () => {
    const { f, set } = wrongClock();
    f.use('ann', START + 10, 100);
    set(2 * DAY);
    f.store.down = true;
    await f.pollAfter(2 * HOUR);
    set(0);
    f.store.down = false;

    await f.pollAfter(MINUTE);

    expect(f.ledger.spool.size()).toBe(0);
    expect(f.stored()).toEqual(f.truth());
  });

  it('counts neither as lateness nor as a revision', async () => {
    const { f, set } = wrongClock();
    for (let hour = 0; hour < 12; hour++) f.use('ann', START + hour * HOUR + 10, 100);
    await f.pollUntil(START + 12 * HOUR, HOUR);
    const before = f.ledger.lateness.of('test');
    set(2 * DAY);
    await f.pollAfter(MINUTE);
    set(0);

    await f.pollUntil(START + 3 * DAY, HOUR);

    expect(f.ledger.lateness.of('test')).toEqual(before);
    expect(f.ledger.counters.of('test').revisions ?? 0).toBe(0);
  });

  it('restores gaps that expired under the wrong clock', async () => {
    const { f, set } = wrongClock({ retention: 3 * DAY });
    for (let hour = 0; hour < 48; hour += 5) f.use('ann', START + hour * HOUR + 10, hour + 1);
    await f.pollAfter(HOUR);
    f.vendor.down = true;
    await f.pollAfter(2 * DAY);
    set(4 * DAY);
    await f.pollAfter(MINUTE);
    const lost = f.ledger.gaps.of('test').filter((gap) => gap.expired);
    f.vendor.down = false;
    set(0);

    await f.pollAfter(MINUTE);

    expect(lost).not.toEqual([]);
    expect(f.ledger.gaps.of('test')).toEqual([]);
    expect(f.stored()).toEqual(f.truth());
  });

  it('is ignored within a minute, as by NTP', async () => {
    const { f, set } = wrongClock();
    f.use('ann', START + 10, 100);
    set(50);
    await f.pollAfter(2 * HOUR);
    set(0);
    await f.pollAfter(0);

    expect(eventsOf(f, 'clock_back')).toEqual([]);
    expect(f.stored()).toEqual(f.truth());
  });
});
