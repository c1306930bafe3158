import type { Ledger } from '../../ledger/ledger.ts';
import type { Reconciliation } from '../../ledger/reconciliations.ts';
import { bucketStart, countBuckets } from '../../windows/calendar.ts';
import { finalWindows } from '../../windows/checkpoints.ts';
import { intersect, subtract } from '../../windows/intervals.ts';
import type { Window } from '../../windows/window.ts';
import { countHeldBack, isHeldBack } from '../delivery/held-back.ts';
import type { Job } from '../job.ts';
import { lateness, type LatenessAdvice, type LatenessRow } from './lateness.ts';

/** How fresh and complete one job is. Times in Unix seconds, spans in seconds. */
export interface JobStatus {
  readonly job: string;
  /** The end of the newest closed bucket that has been read. Older ones may be unread. */
  readonly readUntil?: number;
  /** Seconds since `readUntil`. */
  readonly dataAge?: number;
  /** Closed buckets since the job's start, and how many of them are final. */
  readonly buckets: number;
  readonly final: number;
  /** Closed buckets that were never read. */
  readonly unread: number;
  /** Points that wait for their bucket to be final, because the store takes each point once. */
  readonly heldBack: number;
  /** The end of the newest bucket that such a store has received. 0 before the first one. Absent for other stores. */
  readonly storedUntil?: number;
  readonly gaps: number;
  readonly expired: number;
  readonly revisions: number;
  readonly mismatches: number;
  readonly rangeEnd?: string;
  /** How long a closed bucket is re-read, and how long it should be, from measured lateness. */
  readonly lookback: number;
  readonly advice?: LatenessAdvice;
  readonly lateness: readonly LatenessRow[];
  readonly reconciled?: Reconciliation;
}

export function jobStatus(ledger: Ledger, job: Job, now: number): JobStatus {
  const { bucket, zone } = job;
  const closedEnd = Math.min(bucketStart(now, bucket, zone), job.end ?? Infinity);
  const closed = job.start < closedEnd ? [{ start: job.start, end: closedEnd }] : [];
  const checkpoints = ledger.checkpoints.of(job.name);
  const gaps = ledger.gaps.of(job.name);
  const missing = subtract(closed, checkpoints);
  const final = finalWindows(checkpoints, job);
  const newest = checkpoints.reduce((end, read) => Math.max(end, read.end), 0);
  const heldBack = countHeldBack(ledger, job.name);
  const storedUntil = final.reduce((end, part) => Math.max(end, part.end), 0);
  const counters = ledger.counters.of(job.name);
  const rows = ledger.lateness.of(job.name);
  const row = ledger.jobs.of(job.name);
  const reconciled = ledger.reconciliations.of(job.name).at(-1);
  const advice = lateness(rows);
  const count = (windows: readonly Window[]): number =>
    windows.reduce((sum, window) => sum + countBuckets(window, bucket, zone), 0);
  return {
    job: job.name,
    ...(newest > 0 && { readUntil: newest, dataAge: Math.max(0, now - newest) }),
    buckets: count(closed),
    // A relative start moves on; what was read before it no longer counts.
    final: count(intersect(final, closed)),
    unread: count(missing),
    heldBack,
    ...(isHeldBack(ledger, job.name) && { storedUntil }),
    gaps: gaps.filter((gap) => !gap.expired).length,
    expired: gaps.filter((gap) => gap.expired).length,
    revisions: counters.revisions ?? 0,
    mismatches: counters.mismatches ?? 0,
    lookback: job.lookback,
    lateness: rows,
    ...(row?.rangeEnd && { rangeEnd: row.rangeEnd }),
    ...(advice && { advice }),
    ...(reconciled && { reconciled }),
  };
}
