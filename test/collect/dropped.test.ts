import { expect, it } from 'vitest';
import { losesRows } from '../../src/collect/status/dropped.ts';
import { droppedRows } from '../../src/collect/poll/dropped.ts';
import type { ReadResult } from '../../src/providers/provider.ts';
import { DAY, eventsOf, fixture, HOUR, intercept, START, type Fixture } from './fixture.ts';

/** A vendor whose answers hold rows that are discarded. */
function dropping(dropped: { now: NonNullable<ReadResult['dropped']> }): Fixture {
  const f = fixture({ reads: 'series', lookback: DAY, batchSize: 2 });
  f.use('ann', START + 10, 5);
  intercept(f, (source) => ({
    read: async (request) => ({ ...(await source.read(request)), dropped: dropped.now }),
  }));
  return f;
}

it('counts discarded rows by reason, and the polls in a row that discard some', async () => {
  const dropped = { now: { outside_window: 3, duplicate: 1 } as NonNullable<ReadResult['dropped']> };
  const f = dropping(dropped);

  await f.pollAfter(HOUR);
  dropped.now = { outside_window: 2 };
  await f.pollAfter(HOUR);
  f.restart();
  intercept(f, (source) => ({
    read: async (request) => ({ ...(await source.read(request)), dropped: { outside_window: 1 } }),
  }));
  await f.pollAfter(HOUR);

  // Two batches in each poll; the events agree.
  expect(droppedRows(f.ledger, 'test')).toEqual([
    { reason: 'outside_window', total: 12, rows: 2, polls: 3 },
    { reason: 'duplicate', total: 2, rows: 0, polls: 0 },
  ]);
  expect(eventsOf(f, 'dropped').reduce((sum, { rows }) => sum + rows, 0)).toBe(2);
});

it('keeps the counts of the last poll while the provider is down', async () => {
  const f = dropping({ now: { outside_window: 3 } });
  await f.pollAfter(HOUR);
  f.vendor.down = true;
  await f.pollAfter(HOUR);

  expect(droppedRows(f.ledger, 'test')).toEqual([{ reason: 'outside_window', total: 6, rows: 6, polls: 1 }]);
});

it('counts a job as losing rows although polls without rows come in between', async () => {
  const f = fixture({ reads: 'series', lookback: DAY });
  let answer: ReadResult = { records: [] };
  intercept(f, () => ({ read: () => Promise.resolve(answer) }));
  for (const dropped of [4, 0, 4, 4, 0]) {
    answer = { records: [], dropped: dropped > 0 ? { outside_window: dropped } : {} };
    await f.pollAfter(HOUR);
  }
  const whileLosing = losesRows(droppedRows(f.ledger, 'test'));

  answer = { records: [{ time: f.now, tags: { model: 'm' }, fields: { requests: 1 } }] };
  await f.pollAfter(HOUR);

  expect([whileLosing, losesRows(droppedRows(f.ledger, 'test'))]).toEqual([true, false]);
});

it('returns nothing for a job without discarded rows', async () => {
  const f = fixture({ reads: 'series', lookback: DAY });
  await f.pollAfter(HOUR);

  expect(droppedRows(f.ledger, 'test')).toEqual([]);
});
