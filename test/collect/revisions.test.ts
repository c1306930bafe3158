import { describe, expect, it } from 'vitest';
import type { FakeOptions } from '../support/fake-provider.ts';
import { DAY, eventsOf, fixture, HOUR, MINUTE, START, type Fixture } from './fixture.ts';

const KINDS: [string, FakeOptions][] = [
  ['a series provider', { reads: 'series' }],
  ['a provider of totals', { reads: 'totals' }],
];
const LOOKBACK = DAY;

const revisions = ({ ledger }: Fixture): number => ledger.counters.of('test').revisions ?? 0;

describe.each(KINDS)('re-reading %s', (_, options) => {
  it('writes nothing when nothing changed, to the last re-read', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK });
    for (let hour = 0; hour < 5; hour++) f.use('ann', START + hour * HOUR + 10, 100);
    await f.pollAfter(6 * HOUR);
    const { written } = f.store;

    await f.pollUntil(START + 3 * DAY, 20 * MINUTE);

    expect(f.store.written).toBe(written);
    expect(f.stored()).toEqual(f.truth());
    expect(revisions(f)).toBe(0);
    expect(eventsOf(f, 'revised')).toEqual([]);
  });

  it('writes nothing when nothing changed after a restart either', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK });
    f.use('ann', START + 10, 100);
    await f.pollAfter(6 * HOUR);
    const { written } = f.store;

    f.restart();
    await f.pollAfter(HOUR);

    expect(f.store.written).toBe(written);
  });

  it('counts a revision once if a bucket changes after it was read', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK });
    f.use('ann', START + 10, 100);
    f.use('ann', START + 20, 50, 5 * HOUR);
    f.use('bob', START + 30, 70, 5 * HOUR);

    await f.pollUntil(START + 2 * HOUR, 20 * MINUTE);
    const before = revisions(f);
    await f.pollUntil(START + 3 * DAY, 20 * MINUTE);

    expect(before).toBe(0);
    expect(revisions(f)).toBe(2);
    expect(eventsOf(f, 'revised').reduce((sum, { points }) => sum + points, 0)).toBe(2);
    expect(f.stored()).toEqual(f.truth());
  });

  it('counts neither the growth of the open bucket nor usage in a late first read as a revision', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK });
    f.use('ann', START + 10, 100);
    f.use('ann', START + 30 * MINUTE, 50);

    await f.pollAfter(15 * MINUTE);
    await f.pollAfter(30 * MINUTE);
    await f.pollAfter(30 * MINUTE);

    expect(revisions(f)).toBe(0);
    expect(f.stored()).toEqual(f.truth());
  });

  it('counts no revision when the gap of a member is filled', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, batchSize: 4 });
    for (const user of ['ann', 'bob']) f.use(user, START + 10, 100);
    f.vendor.poisoned.add('bob');
    await f.pollAfter(2 * HOUR);
    f.vendor.poisoned.delete('bob');

    await f.pollAfter(HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(revisions(f)).toBe(0);
  });

  it('stores a withdrawn series as zero', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK });
    f.use('ann', START + 10, 100);
    f.use('bob', START + 10, 70);
    await f.pollAfter(2 * HOUR);

    f.vendor.uses[0]!.tokens = 0;
    await f.pollAfter(HOUR);

    const points = [...f.store.contents.values()].filter(({ tags }) => tags.user === 'ann');
    expect(points.map(({ fields }) => fields)).toEqual([{ input_tokens: 0, tokens: 0 }]);
    expect(f.stored()).toEqual(f.truth());
    expect(revisions(f)).toBe(1);
  });

  it('stores a series as zero that is withdrawn directly before the last read', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK });
    f.use('ann', START + 10, 100);
    f.use('bob', START + 10, 70);
    await f.pollUntil(START + LOOKBACK, HOUR);

    f.vendor.uses[0]!.tokens = 0;
    await f.pollUntil(START + 2 * LOOKBACK, HOUR);

    expect(f.stored()).toEqual(f.truth());
  });

  it('keeps the points of other members while one does not answer', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, batchSize: 4 });
    for (const user of ['ann', 'bob', 'cat']) f.use(user, START + 10, 100);
    await f.pollAfter(2 * HOUR);
    f.vendor.poisoned.add('bob');

    await f.pollUntil(START + 8 * HOUR, HOUR);

    expect(f.stored()).toEqual(f.truth());
  });
});

describe.each(KINDS)('lateness of %s', (_, options) => {
  const lateness = ({ ledger }: Fixture): Record<number, number> =>
    Object.fromEntries(ledger.lateness.of('test').map(({ age, tokens }) => [age, tokens]));

  it('is recorded at the age of the read in which tokens first appeared', async () => {
    const f = fixture({ ...options, lookback: 4 * HOUR, pollInterval: HOUR });
    f.use('ann', START + 10, 1000);
    f.use('ann', START + 20, 100, HOUR + 30 * MINUTE);
    f.use('ann', START + 30, 10, 3 * HOUR + 30 * MINUTE);
    expect(f.context.ages).toEqual([0, HOUR, 2 * HOUR, 4 * HOUR]);

    await f.pollUntil(START + 10 * HOUR, HOUR);

    expect(lateness(f)).toEqual({ 0: 1000, [HOUR]: 100, [4 * HOUR]: 10 });
  });

  it('excludes buckets that are first read long after they closed', async () => {
    const f = fixture({ ...options, lookback: DAY, pollInterval: HOUR });
    f.use('ann', START + 10, 1000);

    await f.pollAfter(12 * HOUR);
    await f.pollUntil(START + 3 * DAY, HOUR);

    expect(lateness(f)).toEqual({});
  });

  it('excludes reads that fill a gap', async () => {
    const f = fixture({ ...options, lookback: DAY, pollInterval: HOUR, batchSize: 4 });
    f.use('ann', START + 10, 1000);
    f.use('bob', START + 10, 500);
    f.vendor.poisoned.add('bob');
    await f.pollUntil(START + 8 * HOUR, HOUR);
    f.vendor.poisoned.delete('bob');

    await f.pollUntil(START + 3 * DAY, HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(lateness(f)).toEqual({ 0: 1000 });
  });
});
