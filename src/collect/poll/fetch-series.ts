import pLimit from 'p-limit';
import type { Partition } from '../../providers/provider.ts';
import { addRecords, zeros } from '../../usage/aggregate.ts';
import { createRecordIndex, type ReadonlyRecordIndex } from '../../usage/record-index.ts';
import type { UsageRecord } from '../../usage/point.ts';
import type { JobContext } from '../context.ts';
import { readBatches, type Batches } from './batches.ts';
import { ownersOf } from './ownership.ts';
import type { StartedRead, StoreRecords } from './window-read.ts';

const FLUSH_RECORDS = 10_000;

/**
 * Reads a window from a provider that answers bucket by bucket. Answers are stored as they come, some thousand
 * records at a time, so that memory does not grow with the window. Usage of partitions without tags is stored
 * once all have answered. @throws ProviderDown, and FetchError of kind `cancelled`
 */
export async function fetchSeries(
  context: JobContext,
  read: StartedRead,
  lastAnswers: ReadonlyRecordIndex,
  store: StoreRecords,
): Promise<Batches> {
  const { job, source } = context;
  const request = { window: read.window, bucket: job.bucket, zone: job.zone, signal: read.signal };
  const isTagged = read.partitions.every(({ tags }) => tags !== undefined);
  const oneAtATime = pLimit(1);
  let sums = createRecordIndex();
  let answered: Partition[] = [];

  async function flush(allPartitions: boolean): Promise<void> {
    const [reported, partitions] = [sums, answered];
    [sums, answered] = [createRecordIndex(), []];
    await store([...reported.values(), ...withdrawn(reported, lastAnswers, partitions, allPartitions)]);
  }

  const options = { concurrency: job.rate.concurrency, progress: read.progress };
  const batches = await readBatches(source, request, read.partitions, options, async (answer, batch) => {
    for (const record of answer) sums.add(record, addRecords);
    answered.push(...batch);
    if (isTagged && sums.size >= FLUSH_RECORDS) await oneAtATime(() => flush(false));
  });
  const allAnswered = read.allPartitions && (read.backedOff ?? []).length === 0 && batches.failed.size === 0;
  await oneAtATime(() => flush(allAnswered));
  return batches;
}

/**
 * Series that were stored and that the provider no longer reports, as zeros: the last answer counts. Those that
 * may belong to partitions that were not read stay as they are.
 */
function withdrawn(
  reported: ReadonlyRecordIndex,
  lastAnswers: ReadonlyRecordIndex,
  answered: readonly Partition[],
  allAnswered: boolean,
): UsageRecord[] {
  if (!allAnswered && answered.some(({ tags }) => !tags)) return [];
  const ownerOf = ownersOf(answered);
  const owners = new Set(answered.map(({ tags }) => ownerOf(tags ?? {})));
  return lastAnswers
    .values()
    .filter((record) => !reported.has(record) && owners.has(ownerOf(record.tags)))
    .map((record) => ({ ...record, fields: zeros(record.fields) }));
}
