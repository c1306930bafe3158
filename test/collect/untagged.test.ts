import { describe, expect, it } from 'vitest';
import type { FakeOptions } from '../support/fake-provider.ts';
import { gapReads } from '../../src/collect/gaps/select.ts';
import { readWindow } from '../../src/collect/poll/poll.ts';
import { DAY, fixture, HOUR, intercept, MINUTE, START, type Fixture } from './fixture.ts';

const read = { allPartitions: false, signal: new AbortController().signal };

const KINDS: [string, FakeOptions][] = [
  ['a series provider', { reads: 'series', batchSize: 2 }],
  ['a provider of totals', { reads: 'totals', batchSize: 2 }],
];

/** Members asked for by a number: only the answers tell whose usage it is. */
function byNumber(options: FakeOptions): Fixture {
  const f = fixture({ ...options, lookback: DAY });
  intercept(f, (source) => ({
    partitions: async (signal) => (await source.partitions(signal)).map(({ id }) => ({ id })),
  }));
  for (let hour = 0; hour < 20; hour += 3) {
    for (const user of ['ann', 'bob', 'cat', 'dan']) f.use(user, START + hour * HOUR + 10, hour + 1);
  }
  return f;
}

describe.each(KINDS)('%s whose partitions have no tags', (_, options) => {
  it('is read exactly', async () => {
    const f = byNumber(options);

    await f.pollUntil(START + 3 * DAY, HOUR);

    expect(f.stored()).toEqual(f.truth());
  });

  it('keeps the stored points of a refused partition until its next retry', async () => {
    const f = byNumber(options);
    await f.pollUntil(START + 10 * HOUR, HOUR);
    const before = f.stored();
    f.vendor.poisoned.add('bob');

    await f.pollUntil(START + 16 * HOUR, 20 * MINUTE);

    const others = [...f.truth()].filter(([key]) => !key.includes('bob'));
    expect([...f.stored()]).toEqual(expect.arrayContaining([...others, ...before]));
  });

  it('keeps the usage of the others when the gap of one partition is filled', async () => {
    const f = byNumber(options);
    f.vendor.poisoned.add('bob');
    await f.pollUntil(START + 10 * HOUR, HOUR);
    await f.pollUntil(START + 10 * HOUR + MINUTE, MINUTE);
    const partitions = await f.context.source.partitions(new AbortController().signal);
    f.vendor.poisoned.delete('bob');

    for (const { window, partitions: missed } of gapReads(f.context, partitions, Infinity)) {
      await readWindow(f.context, { ...read, window, partitions: missed, baseline: 'ledger' });
    }

    expect(f.ledger.gaps.of('test')).toEqual([]);
    expect(f.stored()).toEqual(f.truth());
  });

  it('keeps the usage of the others when the gap of one partition is filled after the lookback', async () => {
    const f = byNumber(options);
    f.vendor.poisoned.add('bob');
    await f.pollUntil(START + 4 * DAY, HOUR);
    f.vendor.poisoned.delete('bob');

    await f.pollUntil(START + 5 * DAY, HOUR);

    expect(f.ledger.gaps.of('test')).toEqual([]);
    expect(f.stored()).toEqual(f.truth());
  });
});
