import pLimit from 'p-limit';
import type { Gap } from '../../ledger/gaps.ts';
import type { Partition } from '../../providers/provider.ts';
import { StoreError } from '../../store/store.ts';
import { addRecords } from '../../usage/aggregate.ts';
import { createRecordIndex, type ReadonlyRecordIndex } from '../../usage/record-index.ts';
import { DIMENSIONS, type UsageRecord } from '../../usage/point.ts';
import type { Window } from '../../windows/window.ts';
import { readBatches } from './batches.ts';
import type { JobContext } from '../context.ts';
import { jobTags } from '../job.ts';
import { drain } from '../delivery/deliver.ts';
import { ownersOf } from './ownership.ts';
import { bisectTotals, type StoredTotals, type TotalsRead } from '../totals/bisect.ts';
import { openWindowWriter, type WindowWriter } from './window-writer.ts';
import { totalsOf, zeros } from '../totals/totals.ts';

const FLUSH_RECORDS = 10_000;

export interface WindowRead {
  readonly window: Window;
  readonly partitions: readonly Partition[];
  /** Partitions not asked, because the next try of their gap is still to come. */
  readonly backedOff?: readonly Gap[];
  /** False when only some partitions are read, to fill their gaps. */
  readonly allPartitions: boolean;
  /** What totals are compared with: the ledger's memory of the look-back, or, for older windows, the store. */
  readonly baseline: 'ledger' | 'store';
  /** Store every record, also those that the ledger knows to be stored. */
  readonly force?: boolean;
  readonly signal: AbortSignal;
}

/**
 * One window from the provider to the ledger: fetch -> normalise -> write -> commit.
 * @throws ProviderDown, and FetchError of kind `cancelled`; then the ledger has not moved.
 */
export async function readWindow(context: JobContext, read: WindowRead): Promise<void> {
  const { job, source, observe } = context;
  // A provider of totals is asked for no more than what differs from the store.
  const filterUnchanged = source.reads === 'series' && read.baseline === 'store' && !read.force;
  const writer = openWindowWriter(context, { ...read, filterUnchanged }, context.now());
  const allAnswered = read.allPartitions && (read.backedOff ?? []).length === 0;
  // Of what was settled long ago a provider may know nothing any more: that is no reason to erase it.
  const recent = read.baseline === 'ledger';
  const outcome =
    source.reads === 'totals'
      ? await bisectTotals(
          context,
          {
            ...read,
            allAnswered,
            stored: read.force ? () => new Map() : storedTotals(context, read, writer),
          },
          (records) => writer.accept(recent ? records : records.filter(hasUsage), read.signal),
        )
      : await readSeries(context, read, allAnswered, writer);
  for (const [reason, rows] of outcome.dropped) observe({ type: 'dropped', job: job.name, reason, rows });
  await writer.commit(
    { ...outcome, backedOff: read.backedOff ?? [], allPartitions: read.allPartitions },
    read.signal,
  );
}

/**
 * Answers go to the store as they come, some thousand records at a time, so that a window of any size takes
 * little memory. Usage of partitions that no tag tells apart is stored once all have answered.
 */
async function readSeries(
  context: JobContext,
  read: WindowRead,
  allAnswered: boolean,
  writer: WindowWriter,
): Promise<TotalsRead> {
  const { job, source } = context;
  const request = { window: read.window, bucket: job.bucket, zone: job.zone, signal: read.signal };
  const apart = read.partitions.every(({ tags }) => tags !== undefined);
  const oneByOne = pLimit(1);
  let sums = createRecordIndex();
  let answered: Partition[] = [];

  async function flush(allPartitions: boolean): Promise<void> {
    const [reported, partitions] = [sums, answered];
    [sums, answered] = [createRecordIndex(), []];
    await writer.accept(
      [...reported.values(), ...withdrawn(reported, writer.known, partitions, allPartitions)],
      read.signal,
    );
  }

  const { concurrency } = job.rate;
  const batches = await readBatches(source, request, read.partitions, concurrency, async (answer, batch) => {
    for (const record of answer) sums.add(record, addRecords);
    answered.push(...batch);
    if (apart && sums.size >= FLUSH_RECORDS) await oneByOne(() => flush(false));
  });
  await oneByOne(() => flush(allAnswered && batches.failed.size === 0));
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
  allAnswered: boolean,
): UsageRecord[] {
  if (!allAnswered && answered.some(({ tags }) => !tags)) return [];
  const ownerOf = ownersOf(answered);
  const owners = new Set(answered.map(({ tags }) => ownerOf(tags ?? {})));
  return known
    .values()
    .filter((record) => !reported.has(record) && owners.has(ownerOf(record.tags)))
    .map((record) => ({ ...record, fields: zeros(record.fields) }));
}

function storedTotals(context: JobContext, read: WindowRead, writer: WindowWriter): StoredTotals {
  const known = writer.known.values();
  if (read.baseline === 'ledger') {
    return (range) => totalsOf(known.filter(({ time }) => time >= range.start && time < range.end));
  }
  return (range) => totalsInStore(context, range, read.signal);
}

/**
 * What the store holds of a range. Empty where it cannot be compared: users are stored under other names, or
 * the store does not answer; then everything with usage is asked for and written again.
 */
async function totalsInStore(
  context: JobContext,
  range: Window,
  signal: AbortSignal,
): Promise<ReturnType<typeof totalsOf>> {
  const { job, store } = context;
  if (job.pseudonymKey || job.teams || !store.overwrites) return new Map();
  // What waits in the spool is newer than what the store holds.
  if (!(await drain(context, signal))) return new Map();
  try {
    const rows = await store.sums({ ...range, where: jobTags(job), by: DIMENSIONS });
    return totalsOf(rows.map(({ tags, fields }) => ({ time: range.start, tags, fields })));
  } catch (error) {
    if (error instanceof StoreError) return new Map();
    throw error;
  }
}

function hasUsage({ fields }: UsageRecord): boolean {
  return Object.values(fields).some((count) => count > 0);
}
