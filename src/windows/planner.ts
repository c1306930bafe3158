import { isRefreshDue } from './refresh-schedule.ts';
import { bucketEnd, bucketsOf, bucketStart, splitByDays } from './calendar.ts';
import { intersect, subtract, union } from './intervals.ts';
import type { Checkpoint } from './checkpoints.ts';
import type { Bucket, Window } from './window.ts';

export interface PlanInput {
  /** Unix seconds. */
  readonly now: number;
  /** What the job collects: `[start, end)`, in buckets of a zone. */
  readonly start: number;
  readonly end?: number;
  readonly bucket: Bucket;
  readonly zone: string;
  readonly lookback: number;
  /** From `refreshAges`. */
  readonly ages: readonly number[];
  /** The longest window that the provider takes, in days. */
  readonly maxDays: number;
  readonly checkpoints: readonly Checkpoint[];
  /** Windows not to be read now: expired gaps, and buckets that left the full spool while the store is down. */
  readonly postponed: readonly Window[];
}

/** Windows to read, newest first; each a whole number of buckets, and no longer than the provider takes. */
export interface Plan {
  /** The open bucket, with the due buckets directly before it. */
  readonly open: Window[];
  /** Closed buckets that are due for another read, or lie within the lookback and were never read. */
  readonly due: Window[];
  /** Closed buckets before the lookback that were never read. */
  readonly backlog: Window[];
}

/** What to read now. Every bucket of `[start, now]` is final, not due yet, postponed, or in the plan. */
export function plan(input: PlanInput): Plan {
  const { now, bucket, zone } = input;
  const openStart = bucketStart(now, bucket, zone);
  const closedEnd = Math.min(openStart, input.end ?? openStart);
  const closed = input.start < closedEnd ? [{ start: input.start, end: closedEnd }] : [];
  const postponed = input.postponed;

  const unread = subtract(subtract(closed, input.checkpoints), postponed);
  const stale = input.checkpoints.flatMap((read) => dueBuckets(read, input));
  const horizon = bucketStart(now - input.lookback, bucket, zone);
  const backlog = subtract(unread, [{ start: horizon, end: Infinity }]);
  const due = union([...subtract(unread, backlog), ...subtract(intersect(stale, closed), postponed)]);

  const isOpen = openStart >= input.start && (input.end === undefined || openStart < input.end);
  const open = isOpen ? [{ start: openStart, end: bucketEnd(now, bucket, zone) }] : [];
  const last = due.at(-1);
  const touching = isOpen && last?.end === openStart ? [last] : [];
  return {
    open: pieces(union([...touching, ...open]), input),
    due: pieces(subtract(due, touching), input),
    backlog: pieces(backlog, input),
  };
}

function dueBuckets(read: Checkpoint, input: PlanInput): Window[] {
  const { now, ages, bucket, zone, lookback } = input;
  // Most of a job's history is final: one comparison instead of a walk over its buckets.
  if (read.readAt - read.end >= lookback) return [];
  return bucketsOf(read, bucket, zone).filter(
    (b) => b.end <= now && isRefreshDue(b.end, read.readAt, now, ages),
  );
}

function pieces(windows: readonly Window[], { maxDays, zone }: PlanInput): Window[] {
  return windows.flatMap((window) => splitByDays(window, maxDays, zone)).toReversed();
}
