import { union } from '../windows/intervals.ts';
import type { Window } from '../windows/window.ts';
import type { LedgerDatabase } from './database.ts';

/** The partition that stands for all of a job's partitions: the whole window is missing. */
export const ALL_PARTITIONS = '*';

/** A window, or one partition of it, that should have been read and was not. Times in Unix seconds. */
export interface Gap extends Window {
  readonly partition: string;
  /** When it was first found missing. */
  readonly since: number;
  /** A short word for the cause, from a bounded set: the kind of a `FetchError`, `new`, `spool_full`. */
  readonly kind: string;
  readonly error: string;
  readonly attempts: number;
  readonly nextTry: number;
  /** Older than the provider remembers: it cannot be filled any more. */
  readonly expired: boolean;
}

/** The gaps of every job. One partition's gaps share their number of attempts and their next try. */
export interface Gaps {
  of(job: string): Gap[];
  /** Those that can still be filled. */
  openOf(job: string): Gap[];
  /** Adds a gap; where it touches others of the same partition they become one, since the earliest of them. */
  open(job: string, gap: Gap): void;
  /** Removes a window from a partition's gaps: it has been read. */
  fill(job: string, partition: string, window: Window): void;
  /** Marks what gaps miss before `time` as expired. Returns how many gaps it was of. */
  expire(job: string, time: number): number;
  /** Marks all gaps of a partition as expired. Returns how many were. */
  expirePartition(job: string, partition: string): number;
  /**
   * What remains true of the gaps when the clock turns out to have been ahead: none is expired, none waits, and
   * there are none after `openStart`.
   */
  invalidate(job: string, openStart: number): void;
  /** Adds a gap that is expired from the start; it grows together with those it touches. */
  addExpired(job: string, gap: Gap): void;
  /** Forgets gaps, expired ones too. */
  clear(job: string): void;
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
  const removeJob = db.prepare('DELETE FROM gap WHERE job = ?');

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
    clear: (job) => void removeJob.run(job),
  };
}
