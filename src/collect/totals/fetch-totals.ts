import { StoreError } from '../../store/store.ts';
import type { ReadonlyRecordIndex } from '../../usage/record-index.ts';
import { hasTokens } from '../../usage/aggregate.ts';
import { DIMENSIONS } from '../../usage/point.ts';
import type { Window } from '../../windows/window.ts';
import type { JobContext } from '../context.ts';
import { jobTags } from '../job.ts';
import { drain } from '../delivery/deliver.ts';
import type { Batches } from '../poll/batches.ts';
import type { StartedRead, StoreRecords, WindowRead } from '../poll/window-read.ts';
import { bisectTotals, type StoredTotals } from './bisect.ts';
import { totalsOf, type Totals } from './totals.ts';

/** Reads what differs from the baseline in a window of a provider of totals. @throws ProviderDown, and FetchError of kind `cancelled` */
export async function fetchTotals(
  context: JobContext,
  read: StartedRead,
  lastAnswers: ReadonlyRecordIndex,
  store: StoreRecords,
): Promise<Batches> {
  const allAnswered = read.allPartitions && (read.backedOff ?? []).length === 0;
  const stored = read.force ? () => new Map() : storedTotals(context, read, lastAnswers);
  return bisectTotals(context, { ...read, allAnswered, stored }, store);
}

function storedTotals(context: JobContext, read: WindowRead, lastAnswers: ReadonlyRecordIndex): StoredTotals {
  if (read.baseline === 'store') return (range) => totalsInStore(context, range, read.signal);
  const records = lastAnswers.values();
  return (range) => totalsOf(records.filter(({ time }) => time >= range.start && time < range.end));
}

/**
 * What the store holds of a range. Empty where it cannot be compared, because users are stored under other names
 * or the store does not answer: then everything with usage is read and written again.
 */
async function totalsInStore(context: JobContext, range: Window, signal: AbortSignal): Promise<Totals> {
  const { job, store } = context;
  if (job.pseudonymKey || job.teams || !store.overwrites) return new Map();
  // Points in the spool are newer than those in the store.
  if (!(await drain(context, signal))) return new Map();
  try {
    const rows = await store.sums({ ...range, where: jobTags(job), by: DIMENSIONS });
    // Usage that lacks the derived field was stored by an earlier version, and is written again.
    const current = rows.filter(({ fields }) => hasTokens(fields));
    return totalsOf(current.map(({ tags, fields }) => ({ time: range.start, tags, fields })));
  } catch (error) {
    if (error instanceof StoreError) return new Map();
    throw error;
  }
}
