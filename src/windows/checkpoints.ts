import { bucketStart } from './calendar.ts';
import { union } from './intervals.ts';
import type { Bucket, Window } from './window.ts';
import { DAY } from './units.ts';

/** A run of closed buckets that were last read at the same moment. Unix seconds. */
export interface Checkpoint extends Window {
  /** When the request was sent: later usage is not in the answer. */
  readonly readAt: number;
}

/**
 * Adds one read to a job's checkpoints, which never overlap: the later read of a bucket replaces the earlier one.
 * Neighbours that are final (read at an age of at least `lookback`) and were read within a day of each other are
 * merged, so a year of hourly buckets stays a handful of rows.
 */
export function addCheckpoint(
  checkpoints: readonly Checkpoint[],
  added: Checkpoint,
  lookback: number,
): Checkpoint[] {
  const kept = checkpoints.flatMap((read) => cut(read, added));
  const merged: Checkpoint[] = [];
  for (const read of [...kept, added].toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && last.end === read.start && mergeable(last, read, lookback)) {
      merged[merged.length - 1] = {
        start: last.start,
        end: read.end,
        readAt: Math.max(last.readAt, read.readAt),
      };
    } else {
      merged.push(read);
    }
  }
  return merged;
}

/** The final parts of checkpoints: buckets that were read at an age of at least `lookback`, in seconds. */
export function finalWindows(
  checkpoints: readonly Checkpoint[],
  { bucket, zone, lookback }: { readonly bucket: Bucket; readonly zone: string; readonly lookback: number },
): Window[] {
  return checkpoints
    .map(({ start, end, readAt }) => ({
      start,
      end: Math.min(end, bucketStart(readAt - lookback, bucket, zone)),
    }))
    .filter(({ start, end }) => start < end);
}

/** Removes windows from the checkpoints, so that they count as unread. */
export function removeCheckpoints(
  checkpoints: readonly Checkpoint[],
  windows: readonly Window[],
): Checkpoint[] {
  return union(windows).reduce<Checkpoint[]>(
    (left, window) => left.flatMap((read) => cut(read, window)),
    [...checkpoints],
  );
}

/** Which buckets may have been read under a wrong clock. Bucket starts, Unix seconds. */
export interface ClockRollback {
  /** The first one that may have been read too early. */
  readonly since: number;
  /** The first one that is still within the lookback. */
  readonly horizon: number;
  /** The one that is open now. */
  readonly openStart: number;
}

/**
 * What remains of the checkpoints after the clock was ahead. Checkpoints in the future are removed, and those of
 * buckets that became final under the wrong time. Buckets within the lookback count as read before they closed, so
 * that they are read again.
 */
export function invalidateCheckpoints(
  checkpoints: readonly Checkpoint[],
  { since, horizon, openStart }: ClockRollback,
): Checkpoint[] {
  const invalid = [
    { start: since, end: horizon },
    { start: openStart, end: Infinity },
  ];
  return removeCheckpoints(checkpoints, invalid).map((read) =>
    read.end > horizon ? { ...read, readAt: Math.min(read.readAt, read.start) } : read,
  );
}

function cut(read: Checkpoint, hole: Window): Checkpoint[] {
  if (hole.end <= read.start || hole.start >= read.end) return [read];
  return [
    { ...read, end: Math.min(read.end, hole.start) },
    { ...read, start: Math.max(read.start, hole.end) },
  ].filter((part) => part.start < part.end);
}

function mergeable(a: Checkpoint, b: Checkpoint, lookback: number): boolean {
  const isFinal = (read: Checkpoint) => read.readAt - read.end >= lookback;
  return a.readAt === b.readAt || (isFinal(a) && isFinal(b) && Math.abs(a.readAt - b.readAt) <= DAY);
}
