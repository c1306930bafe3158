import { union } from '../windows/intervals.ts';
import type { Window } from '../windows/window.ts';
import type { LedgerDatabase } from './database.ts';

/** The partition of a gap that covers all partitions: the whole window is missing. */
export const ALL_PARTITIONS = '*';

/** A window, or one partition of it, that is missing. Times in Unix seconds. */
export interface Gap extends Window {
  readonly partition: string;
  /** When it was first missing. */
  readonly since: number;
  /** The cause, from a bounded set: the kind of a `FetchError`, `new`, `spool_full`. */
  readonly kind: string;
  readonly error: string;
  readonly attempts: number;
  readonly nextTry: number;
  /** Exceeds the provider's retention: it cannot be filled. */
  readonly expired: boolean;
}

/** The gaps of every job. The gaps of one partition share their attempts and next try. */
export interface Gaps {
  of(job: string): Gap[];
  /** Gaps that can still be filled. */
  openOf(job: string): Gap[];
  /** Adds a gap. It merges with gaps of the same partition that it touches, and keeps the earliest `since`. */
  open(job: string, gap: Gap): void;
  /** Removes a window that has been read from a partition's gaps. */
  fill(job: string, partition: string, window: Window): void;
  /** Marks the parts of gaps before `time` as expired. Returns the number of gaps affected. */
  expire(job: string, time: number): number;
  /** Marks all gaps of a partition as expired. Returns how many it marked. */
  expirePartition(job: string, partition: string): number;
  /**
   * Corrects the gaps after the clock moved backwards: none is expired, all are due, and those after `openStart` are
   * removed.
   */
  invalidate(job: string, openStart: number): void;
  /** Adds a gap that has already expired. It merges with expired gaps that it touches. */
  addExpired(job: string, gap: Gap): void;
}

type Row = [string, number, number, number, string, string, number, number, number];

export function createGaps(db: LedgerDatabase): Gaps {
  const columns = 'partition, start, end, since, kind, error, attempts, next_try, expired';
  const select = db.prepare(`SELECT ${columns} FROM gap WHERE job = ? ORDER BY start, partition`).raw();
  const selectPartition = db
    .prepare(`SELECT ${columns} FROM gap WHERE job = ? AND partition = ? ORDER BY start`)
    .raw();
  const insert = db.prepare(
    `INSERT OR REPLACE INTO gap (job, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const removePartition = db.prepare('DELETE FROM gap WHERE job = ? AND partition = ?');
  const retry = db.prepare('UPDATE gap SET expired = 0, next_try = 0 WHERE job = ?');
  const removeOne = db.prepare('DELETE FROM gap WHERE job = ? AND partition = ? AND start = ?');
  const markPartition = db.prepare(
    'UPDATE gap SET expired = 1 WHERE job = ? AND expired = 0 AND partition = ?',
  );

  const toGap = ([partition, start, end, since, kind, error, attempts, nextTry, expired]: Row): Gap => ({
    partition,
    start,
    end,
    since,
    kind,
    error,
    attempts,
    nextTry,
    expired: expired === 1,
  });
  const write = (job: string, gap: Gap): void => {
    const { partition, start, end, since, kind, error, attempts, nextTry, expired } = gap;
    insert.run(job, partition, start, end, since, kind, error, attempts, nextTry, expired ? 1 : 0);
  };
  const ofPartition = (job: string, partition: string): Gap[] =>
    (selectPartition.all(job, partition) as Row[]).map(toGap);

  function fill(job: string, partition: string, window: Window): void {
    const others = ofPartition(job, partition);
    if (!others.some((other) => other.start < window.end && window.start < other.end)) return;
    removePartition.run(job, partition);
    for (const other of others) {
      const left = { ...other, end: Math.min(other.end, window.start) };
      const right = { ...other, start: Math.max(other.start, window.end) };
      for (const part of other.start < window.end && window.start < other.end ? [left, right] : [other]) {
        if (part.start < part.end) write(job, part);
      }
    }
  }

  const of = (job: string): Gap[] => (select.all(job) as Row[]).map(toGap);

  const addExpired = (job: string, gap: Gap): void => {
    fill(job, gap.partition, gap);
    let { start, end, since } = gap;
    for (const other of ofPartition(job, gap.partition)) {
      if (!other.expired || other.start > end || other.end < start) continue;
      removeOne.run(job, other.partition, other.start);
      start = Math.min(start, other.start);
      end = Math.max(end, other.end);
      since = Math.min(since, other.since);
    }
    write(job, { ...gap, start, end, since, expired: true });
  };

  return {
    of,
    openOf: (job) => of(job).filter((gap) => !gap.expired),
    open: (job, gap) => {
      const others = ofPartition(job, gap.partition);
      removePartition.run(job, gap.partition);
      for (const expired of others.filter((other) => other.expired)) write(job, expired);
      const waiting = others.filter((other) => !other.expired);
      for (const window of union([...waiting, gap])) {
        const inside = waiting.filter((other) => other.start >= window.start && other.end <= window.end);
        write(job, { ...gap, ...window, since: Math.min(gap.since, ...inside.map((other) => other.since)) });
      }
    },
    fill,
    expire: (job, time) => {
      const old = of(job).filter((gap) => !gap.expired && gap.start < time);
      for (const gap of old) addExpired(job, { ...gap, end: Math.min(gap.end, time) });
      return old.length;
    },
    expirePartition: (job, partition) => markPartition.run(job, partition).changes,
    invalidate: (job, openStart) => {
      for (const { partition } of of(job)) fill(job, partition, { start: openStart, end: Infinity });
      retry.run(job);
    },
    addExpired,
  };
}
