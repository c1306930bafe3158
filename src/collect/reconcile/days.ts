import { bucketEnd, bucketStart } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import type { JobContext } from '../context.ts';

/** The days of a requested range that can be compared. Times in Unix seconds. */
export interface ComparableDays {
  /** Empty, with `start` equal to `end`, if there are none. */
  readonly window: Window;
  /** Days before this one were never collected. */
  readonly collectedSince?: number;
  /** The store takes each point once: days since this one are held back until they are final. */
  readonly heldBackSince?: number;
}

/** Cuts a range of whole days to those that were collected completely and that the store already holds. */
export function comparableDays({ job, ledger, store }: JobContext, { start, end }: Window): ComparableDays {
  // A backfill may have collected more than the job's own range.
  const first = Math.min(job.start, ledger.checkpoints.of(job.name)[0]?.start ?? job.start);
  const collectedSince = bucketEnd(first - 1, '1d', job.zone);
  const lastPoll = ledger.jobs.of(job.name)?.clock ?? 0;
  const heldBackSince = store.overwrites ? Infinity : bucketStart(lastPoll - job.lookback, '1d', job.zone);
  const from = Math.max(start, collectedSince);
  return {
    window: { start: from, end: Math.max(from, Math.min(end, heldBackSince)) },
    ...(start < collectedSince && { collectedSince }),
    ...(end > heldBackSince && { heldBackSince }),
  };
}
