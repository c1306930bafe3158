import type { Ledger } from '../../ledger/ledger.ts';
import type { Reconciliation } from '../../ledger/reconciliations.ts';
import { bucketsOf, bucketStart } from '../../windows/calendar.ts';
import { subtract } from '../../windows/intervals.ts';
import type { Window } from '../../windows/window.ts';
import type { Job } from '../job.ts';
import { lateness } from './lateness.ts';

/** How fresh and complete one job is. Times in Unix seconds, spans in seconds. */
export interface JobStatus {
  readonly job: string;
  /** The end of the newest closed bucket that has been read. Older ones may be unread. */
  readonly readUntil?: number;
  /** Seconds since `readUntil`. */
  readonly dataAge?: number;
  /** Closed buckets since the job's start, and how many of them are final. */
  readonly buckets: number;
  readonly settled: number;
  /** Closed buckets that were never read. */
  readonly unread: number;
  readonly gaps: number;
  readonly expired: number;
  readonly revisions: number;
  readonly mismatches: number;
  readonly rangeEnd?: string;
  /** Advice on the lookback, from the measured lateness. */
  readonly advice?: string;
  readonly lateness: readonly { age: number; tokens: number }[];
  readonly reconciled?: Reconciliation;
}

export function jobStatus(ledger: Ledger, job: Job, now: number): JobStatus {
  const { bucket, zone } = job;
  const closedEnd = Math.min(bucketStart(now, bucket, zone), job.end ?? Infinity);
  const closed = job.start < closedEnd ? [{ start: job.start, end: closedEnd }] : [];
  const checkpoints = ledger.checkpoints.of(job.name);
  const gaps = ledger.gaps.of(job.name);
  const missing = subtract(closed, checkpoints);
  const settled = checkpoints.map((read) => ({
    start: read.start,
    end: Math.min(read.end, read.readAt - job.lookback),
  }));
  const newest = checkpoints.reduce((end, read) => Math.max(end, read.end), 0);
  const counters = ledger.counters.of(job.name);
  const rows = ledger.lateness.of(job.name);
  const row = ledger.jobs.of(job.name);
  const reconciled = ledger.reconciliations.of(job.name).at(-1);
  const advice = adviceOf(rows, job.lookback);
  const count = (windows: readonly Window[]): number =>
    windows.reduce(
      (sum, window) => sum + bucketsOf(window, bucket, zone).filter((b) => b.end <= window.end).length,
      0,
    );
  return {
    job: job.name,
    ...(newest > 0 && { readUntil: newest, dataAge: Math.max(0, now - newest) }),
    buckets: count(closed),
    settled: count(settled),
    unread: count(missing),
    gaps: gaps.filter((gap) => !gap.expired).length,
    expired: gaps.filter((gap) => gap.expired).length,
    revisions: counters.revisions ?? 0,
    mismatches: counters.mismatches ?? 0,
    lateness: rows,
    ...(row?.rangeEnd && { rangeEnd: row.rangeEnd }),
    ...(advice && { advice }),
    ...(reconciled && { reconciled }),
  };
}

function adviceOf(rows: readonly { age: number; tokens: number }[], lookback: number): string | undefined {
  const found = lateness(rows);
  if (!found) return undefined;
  const share = `${(Math.floor(found.share * 1000) / 10).toFixed(1)} % of tokens were in`;
  const when =
    found.settledAfter === 0
      ? 'when their bucket closed'
      : `${hours(found.settledAfter)} after their bucket closed`;
  const reread = `you re-read for ${hours(lookback)}`;
  if (found.settledAfter * 2 > lookback)
    return `${share} ${when}; ${reread}: a longer lookback may catch more`;
  return `${share} ${when}; ${reread}`;
}

function hours(seconds: number): string {
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return seconds < 48 * 3600
    ? `${Number((seconds / 3600).toFixed(1))} h`
    : `${Number((seconds / 86_400).toFixed(1))} d`;
}
