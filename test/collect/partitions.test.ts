import { describe, expect, it } from 'vitest';
import type { FakeOptions } from '../support/fake-provider.ts';
import { DAY, eventsOf, fixture, HOUR, intercept, MINUTE, START, type Fixture } from './fixture.ts';

const KINDS: [string, FakeOptions][] = [
  ['a series provider', { reads: 'series' }],
  ['a provider of totals', { reads: 'totals' }],
];
const LOOKBACK = DAY;

function useAll(f: Fixture, users: readonly string[], days: number): void {
  for (let hour = 0; hour < days * 24; hour += 3) {
    for (const user of users) f.use(user, START + hour * HOUR + 10, hour + 1);
  }
}

describe.each(KINDS)('members of %s', (_, options) => {
  it('have their history read when they are new, also from before the lookback', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: ['ann', 'bob'] });
    useAll(f, ['ann', 'bob', 'eve'], 5);
    await f.pollUntil(START + 5 * DAY, HOUR);
    f.vendor.users.add('eve');

    await f.pollAfter(HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(f.ledger.gaps.of('test')).toEqual([]);
    expect(eventsOf(f, 'found')).toEqual([{ type: 'found', job: 'test', partitions: 1 }]);
  });

  it('have a gap when they are new, until their history has been read', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: ['ann'] });
    useAll(f, ['ann', 'eve'], 3);
    await f.pollUntil(START + 3 * DAY, HOUR);
    f.vendor.users.add('eve');
    f.vendor.poisoned.add('eve');

    await f.pollAfter(HOUR);

    expect(f.ledger.gaps.of('test')).toMatchObject([
      { partition: 'eve', start: START, end: START + 3 * DAY + HOUR },
    ]);
  });

  it('are read from the start of the job when they are the first', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: [] });
    useAll(f, ['ann'], 5);
    await f.pollUntil(START + 4 * DAY, HOUR);
    f.vendor.users.add('ann');

    await f.pollAfter(HOUR);

    expect(f.stored()).toEqual(f.truth());
  });

  it('keep their history when they disappear, and lack nothing when they return', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: ['ann', 'bob'] });
    useAll(f, ['ann', 'bob'], 8);
    await f.pollUntil(START + 2 * DAY, HOUR);
    f.vendor.users.delete('bob');
    await f.pollUntil(START + 7 * DAY, HOUR);
    const kept = [...f.stored().keys()].filter((key) => key.includes('bob')).length;
    f.vendor.users.add('bob');

    await f.pollUntil(START + 9 * DAY, HOUR);

    expect(kept).toBe(16);
    expect(f.stored()).toEqual(f.truth());
  });

  it('are not new after a downtime or a wrong clock', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: ['ann', 'bob'] });
    await f.pollUntil(START + DAY, HOUR);
    f.now += 20 * DAY;
    f.restart();
    await f.pollAfter(HOUR);
    f.now -= 10 * DAY;
    await f.pollAfter(HOUR);
    await f.pollAfter(HOUR);

    expect(eventsOf(f, 'found')).toEqual([]);
  });

  it('are not new when a second passes at every reading of the clock', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, users: ['ann', 'bob'] });
    useAll(f, ['ann', 'bob'], 1);
    f.context = { ...f.context, now: () => f.now++ };

    await f.pollUntil(START + DAY, HOUR);

    expect(eventsOf(f, 'found')).toEqual([]);
    expect(f.ledger.gaps.of('test')).toEqual([]);
  });
});

describe('partitions', () => {
  /** How often partitions are listed while the job is polled every five minutes for so many hours. */
  async function listings(f: Fixture, hours: number): Promise<number> {
    let count = 0;
    intercept(f, (source) => ({
      partitions: (signal) => {
        count += 1;
        return source.partitions(signal);
      },
    }));
    await f.pollUntil(f.now + hours * HOUR, 5 * MINUTE);
    return count;
  }

  it('are listed once an hour in normal operation', async () => {
    const f = fixture({ reads: 'totals', lookback: LOOKBACK, users: ['ann', 'bob'] });
    useAll(f, ['ann', 'bob'], 1);

    expect(await listings(f, 6)).toBe(6);
  });

  it('are listed more often, but not at every poll, while one is refused', async () => {
    const f = fixture({ reads: 'totals', lookback: LOOKBACK, users: ['ann', 'bob'] });
    await f.pollAfter(2 * HOUR);
    f.vendor.poisoned.add('bob');

    const count = await listings(f, 2);

    expect(count).toBeGreaterThan(2);
    expect(count).toBeLessThanOrEqual(12);
  });

  it('are listed at every poll while the provider is down', async () => {
    const f = fixture({ reads: 'totals', lookback: LOOKBACK, users: ['ann'] });
    await f.pollAfter(2 * HOUR);
    f.vendor.down = true;

    expect(await listings(f, 1)).toBeGreaterThanOrEqual(11);
    expect(f.vendor.requests.length).toBeLessThanOrEqual(2);
  });

  it('are not listed for a job that has ended and has nothing left to read', async () => {
    const f = fixture({ reads: 'series', lookback: LOOKBACK, users: ['ann'], job: { end: START + DAY } });
    useAll(f, ['ann'], 1);
    await f.pollUntil(START + 3 * DAY, HOUR);

    expect(await listings(f, 5)).toBe(0);
    expect(f.stored()).toEqual(f.truth());
  });

  it('form the same batches in whatever order they are listed', async () => {
    const users = ['ann', 'bob', 'cat', 'dan', 'eve'];
    const f = fixture({ reads: 'series', lookback: LOOKBACK, users, batchSize: 2 });
    const batches = new Set<string>();
    intercept(f, (source) => ({
      partitions: async (signal) => (await source.partitions(signal)).toReversed(),
      read: (request) => {
        batches.add(request.partitions.map(({ id }) => id).join('+'));
        return source.read(request);
      },
    }));

    await f.pollAfter(HOUR);

    expect([...batches]).toEqual(['ann+bob', 'cat+dan', 'eve']);
  });

  it('that return have late usage read from before they disappeared', async () => {
    const f = fixture({ reads: 'series', lookback: LOOKBACK, users: ['ann', 'bob'] });
    useAll(f, ['ann', 'bob'], 4);
    // Used while bob was listed; reported by the vendor after he has vanished.
    f.use('bob', START + DAY + 5 * HOUR + 20, 777, 4 * HOUR);
    await f.pollUntil(START + DAY + 6 * HOUR, HOUR);
    f.vendor.users.delete('bob');
    await f.pollUntil(START + 3 * DAY, HOUR);
    f.vendor.users.add('bob');

    await f.pollUntil(START + 4 * DAY, HOUR);

    expect(f.stored()).toEqual(f.truth());
  });
});
