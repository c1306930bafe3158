import { FetchError } from '../../fetch/errors.ts';
import type { Partition } from '../../providers/provider.ts';
import type { UsageRecord } from '../../usage/point.ts';
import { bucketStart } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { batchesOf } from '../poll/batches.ts';
import type { JobContext } from '../context.ts';
import { activePartitions } from './diff.ts';
import type { Totals } from './totals.ts';
import { DAY } from '../../windows/units.ts';

type RangeEnd = 'exclusive' | 'inclusive';

/** Key of the job state: when the provider last refused a short range, Unix seconds. It is not tried again for a day. */
const REFUSED = 'range_end_refused';

/**
 * Determines whether a provider counts usage in the second at which a range ends, which no vendor page says. It
 * halves a range with usage down to one second, then compares the sum of two adjacent ranges with the range over
 * both. About 25 calls, once per job; the result is recorded. Undefined where no closed bucket has usage yet, or where
 * the provider refuses short ranges.
 */
export async function findRangeEnd(
  context: JobContext,
  window: Window,
  partitions: readonly Partition[],
  totals: Totals,
  signal: AbortSignal,
): Promise<RangeEnd | undefined> {
  const { job, source, ledger, observe, now } = context;
  if (now() - Number(ledger.state.get(job.name, REFUSED) ?? 0) < DAY) return undefined;
  const closedEnd = Math.min(window.end, bucketStart(now(), job.bucket, job.zone));

  async function searchIn(asked: readonly Partition[]): Promise<RangeEnd | undefined> {
    return search(window.start, closedEnd, async (start, end) => {
      const { records } = await source.read({
        window: { start, end },
        bucket: job.bucket,
        zone: job.zone,
        partitions: asked,
        rangeEnd: 'exclusive',
        signal,
      });
      return sumOf(records);
    });
  }

  try {
    if (window.start >= closedEnd) return undefined;
    for (const batch of batchesOf(activePartitions(partitions, totals), source.batchSize)) {
      const rangeEnd = await searchIn(batch);
      const row = ledger.jobs.of(job.name);
      if (!rangeEnd || !row) continue;
      ledger.commit(() => ledger.jobs.save(job.name, { ...row, rangeEnd }));
      observe({ type: 'range_end', job: job.name, rangeEnd });
      return rangeEnd;
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof FetchError) || (error.kind !== 'refused' && error.kind !== 'invalid_response'))
      throw error;
    ledger.state.set(job.name, REFUSED, String(now()));
    return undefined;
  }
}

async function search(
  from: number,
  to: number,
  used: (start: number, end: number) => Promise<bigint>,
): Promise<RangeEnd | undefined> {
  let [start, end] = [from, to];
  let usage = await used(start, end);
  if (usage === 0n) return undefined;
  while (end - start > 1) {
    const middle = Math.floor((start + end) / 2);
    const older = await used(start, middle);
    if (older > 0n) [end, usage] = [middle, older];
    else start = middle;
  }
  // Usage is at `start`, or, where ends count, at `end`; in the first second of the range it may be at either.
  for (const edge of start === from ? [end, start] : [end]) {
    const parts = (edge === end ? usage : await used(edge - 1, edge)) + (await used(edge, edge + 1));
    const whole = await used(edge - 1, edge + 1);
    if (parts > whole) return 'inclusive';
    // Usage arrived between the requests.
    if (parts < whole) return undefined;
  }
  return 'exclusive';
}

function sumOf(records: readonly UsageRecord[]): bigint {
  let sum = 0n;
  for (const { fields } of records) for (const count of Object.values(fields)) sum += BigInt(count);
  return sum;
}
