import { FetchError } from '../fetch/errors.ts';
import type { Partition } from '../providers/provider.ts';
import { bucketStart } from '../windows/calendar.ts';
import type { Window } from '../windows/window.ts';
import { batchesOf } from './batches.ts';
import type { Collecting } from './context.ts';
import type { Totals } from './totals.ts';

/**
 * Finds out whether the provider counts usage at the very second where a range ends, which no vendor page
 * says: it halves a range with usage down to one second, then asks for that second alone. Some twenty calls,
 * once per job; the answer is remembered. Undefined where no closed bucket has usage yet, or where the
 * provider does not answer for so short a range.
 */
export async function findRangeEnd(
  collecting: Collecting,
  window: Window,
  partitions: readonly Partition[],
  totals: Totals,
  signal: AbortSignal,
): Promise<'exclusive' | 'inclusive' | undefined> {
  const { job, source, ledger, observe, now } = collecting;
  const asked = someoneActive(partitions, totals, source.batchSize);

  async function used(range: Window, rangeEnd: 'exclusive' | 'inclusive'): Promise<boolean> {
    const request = {
      window: range,
      bucket: job.bucket,
      zone: job.zone,
      partitions: asked,
      rangeEnd,
      signal,
    };
    const { records } = await source.read(request);
    return records.some(({ fields }) => Object.values(fields).some((count) => count > 0));
  }

  try {
    const closedEnd = bucketStart(now(), job.bucket, job.zone);
    let { start, end } = { start: window.start, end: Math.min(window.end, closedEnd) };
    if (start >= end || !(await used({ start, end }, 'exclusive'))) return undefined;
    while (end - start > 1) {
      const middle = Math.floor((start + end) / 2);
      if (await used({ start, end: middle }, 'exclusive')) end = middle;
      else start = middle;
    }
    // `inclusive` sends the last second itself as the end: a range of no length, unless its end counts.
    const endCounts =
      (await used({ start, end: start + 1 }, 'inclusive')) ||
      (await used({ start: end, end: end + 1 }, 'inclusive'));
    const rangeEnd = endCounts ? 'inclusive' : 'exclusive';
    const row = ledger.jobs.of(job.name);
    if (row) ledger.commit(() => ledger.jobs.save(job.name, { ...row, rangeEnd }));
    observe({ type: 'range_end', job: job.name, rangeEnd });
    return rangeEnd;
  } catch (error) {
    if (error instanceof FetchError && (error.kind === 'refused' || error.kind === 'bad_answer'))
      return undefined;
    throw error;
  }
}

/** One partition that has usage, or a batch of them where usage cannot be told apart. */
function someoneActive(
  partitions: readonly Partition[],
  totals: Totals,
  batchSize: number,
): readonly Partition[] {
  const users = new Set([...totals.values()].map(({ tags }) => tags.user?.toLowerCase()));
  const active = partitions.find(({ tags }) => tags?.user && users.has(tags.user.toLowerCase()));
  return active ? [active] : (batchesOf(partitions, batchSize)[0] ?? []);
}
