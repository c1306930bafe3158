import pLimit from 'p-limit';
import type { Gap } from '../../ledger/gaps.ts';
import type { Partition } from '../../providers/provider.ts';
import { StoreError } from '../../store/store.ts';
import { addRecords } from '../../usage/aggregate.ts';
import { createRecordIndex, type ReadonlyRecordIndex } from '../../usage/record-index.ts';
import type { Tag, UsageRecord } from '../../usage/point.ts';
import type { Window } from '../../windows/window.ts';
import { readBatches } from './batches.ts';
import type { Collecting } from '../context.ts';
import { drain } from '../delivery/deliver.ts';
import { ownersOf } from './ownership.ts';
import { readTotals, type StoredTotals, type TotalsRead } from '../totals/bisect.ts';
import { openSink, type Sink } from './window-writer.ts';
import { totalsOf, zeros } from '../totals/totals.ts';

const FLUSH_RECORDS = 10_000;

export interface WindowRead {
  readonly window: Window;
  readonly partitions: readonly Partition[];
  /** Partitions not asked, because the next try of their gap is still to come. */
  readonly withheld?: readonly Gap[];
  /** False when only some partitions are read, to fill their gaps. */
  readonly whole: boolean;
  /** What totals are compared with: the ledger's memory of the look-back, or, for older windows, the store. */
  readonly against: 'known' | 'store';
  /** Store every record, also those that the ledger knows to be stored. */
  readonly resend?: boolean;
  readonly signal: AbortSignal;
}

/**
 * One window from the provider to the ledger: fetch -> normalise -> write -> commit.
 * @throws ProviderDown, and FetchError of kind `cancelled`; then the ledger has not moved.
 */
export async function readWindow(collecting: Collecting, read: WindowRead): Promise<void> {
  const { job, source, observe } = collecting;
  // A provider of totals is asked for no more than what differs from the store.
  const unlessStored = source.reads === 'series' && read.against === 'store' && !read.resend;
  const sink = openSink(collecting, { ...read, unlessStored }, collecting.now());
  const complete = read.whole && (read.withheld ?? []).length === 0;
  // Of what was settled long ago a provider may know nothing any more: that is no reason to erase it.
  const recent = read.against === 'known';
  const outcome =
    source.reads === 'totals'
      ? await readTotals(
          collecting,
          { ...read, complete, stored: read.resend ? () => new Map() : storedTotals(collecting, read, sink) },
          (records) => sink.accept(recent ? records : records.filter(hasUsage), read.signal),
        )
      : await readSeries(collecting, read, complete, sink);
  for (const [reason, rows] of outcome.dropped) observe({ type: 'dropped', job: job.name, reason, rows });
  await sink.commit({ ...outcome, withheld: read.withheld ?? [], whole: read.whole }, read.signal);
}

/**
 * Answers go to the store as they come, some thousand records at a time, so that a window of any size takes
 * little memory. Usage of partitions that no tag tells apart is stored once all have answered.
 */
async function readSeries(
  collecting: Collecting,
  read: WindowRead,
  complete: boolean,
  sink: Sink,
): Promise<TotalsRead> {
  const { job, source } = collecting;
  const request = { window: read.window, bucket: job.bucket, zone: job.zone, signal: read.signal };
  const apart = read.partitions.every(({ tags }) => tags !== undefined);
  const oneByOne = pLimit(1);
  let sums = createRecordIndex();
  let answered: Partition[] = [];

  async function flush(whole: boolean): Promise<void> {
    const [reported, partitions] = [sums, answered];
    [sums, answered] = [createRecordIndex(), []];
    await sink.accept(
      [...reported.values(), ...withdrawn(reported, sink.known, partitions, whole)],
      read.signal,
    );
  }

  const { concurrency } = job.provider.rate;
  const batches = await readBatches(source, request, read.partitions, concurrency, async (answer, batch) => {
    for (const record of answer) sums.add(record, addRecords);
    answered.push(...batch);
    if (apart && sums.size >= FLUSH_RECORDS) await oneByOne(() => flush(false));
  });
  await oneByOne(() => flush(complete && batches.failed.size === 0));
  return batches;
}

/**
 * Series that were stored and that the provider no longer reports, as zeros: the last answer counts. Those that
 * may belong to partitions that were not read are left alone.
 */
function withdrawn(
  reported: ReadonlyRecordIndex,
  known: ReadonlyRecordIndex,
  answered: readonly Partition[],
  complete: boolean,
): UsageRecord[] {
  if (!complete && answered.some(({ tags }) => !tags)) return [];
  const ownerOf = ownersOf(answered);
  const owners = new Set(answered.map(({ tags }) => ownerOf(tags ?? {})));
  return known
    .values()
    .filter((record) => !reported.has(record) && owners.has(ownerOf(record.tags)))
    .map((record) => ({ ...record, fields: zeros(record.fields) }));
}

function storedTotals(collecting: Collecting, read: WindowRead, sink: Sink): StoredTotals {
  const known = sink.known.values();
  if (read.against === 'known') {
    return (range) => totalsOf(known.filter(({ time }) => time >= range.start && time < range.end));
  }
  return (range) => totalsInStore(collecting, range, read.signal);
}

/**
 * What the store holds of a range. Empty where it cannot be compared: users are stored under other names, or
 * the store does not answer; then everything with usage is asked for and written again.
 */
async function totalsInStore(
  collecting: Collecting,
  range: Window,
  signal: AbortSignal,
): Promise<ReturnType<typeof totalsOf>> {
  const { job, store } = collecting;
  if (job.pseudonymKey || job.teams || !store.overwrites) return new Map();
  // What waits in the spool is newer than what the store holds.
  if (!(await drain(collecting, signal))) return new Map();
  const where = { provider: job.provider.id, account: job.account, bucket: job.bucket };
  const by: Tag[] = ['endpoint', 'key', 'model', 'model_source', 'model_type', 'project', 'scene', 'user'];
  try {
    const rows = await store.sums({ ...range, where, by });
    return totalsOf(rows.map(({ tags, fields }) => ({ time: range.start, tags, fields })));
  } catch (error) {
    if (error instanceof StoreError) return new Map();
    throw error;
  }
}

function hasUsage({ fields }: UsageRecord): boolean {
  return Object.values(fields).some((count) => count > 0);
}
