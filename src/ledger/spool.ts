import type { LedgerDatabase } from './database.ts';

/** A point that waits for the store, as line protocol. */
export interface SpooledLine {
  readonly job: string;
  /** Bucket start, Unix seconds. */
  readonly time: number;
  readonly series: string;
  readonly line: string;
}

/**
 * Points that the store could not take. A later value of the same point replaces the waiting one, so draining
 * can never put an older value over a newer one.
 */
export interface Spool {
  size(): number;
  add(lines: readonly SpooledLine[]): void;
  /** The oldest waiting points. */
  oldest(count: number): SpooledLine[];
  /** Removes points that the store has acknowledged, unless a newer value came meanwhile. */
  remove(lines: readonly SpooledLine[]): void;
  /** Drops all points of the oldest bucket that waits. */
  dropOldest(): { job: string; time: number; points: number } | undefined;
  clear(job: string): void;
}

export function createSpool(db: LedgerDatabase): Spool {
  const count = db.prepare('SELECT count(*) FROM spool').raw();
  const insert = db.prepare('INSERT OR REPLACE INTO spool (job, time, series, line) VALUES (?, ?, ?, ?)');
  const select = db
    .prepare('SELECT job, time, series, line FROM spool ORDER BY time, job, series LIMIT ?')
    .raw();
  const removeOne = db.prepare('DELETE FROM spool WHERE time = ? AND job = ? AND series = ? AND line = ?');
  const removeBucket = db.prepare('DELETE FROM spool WHERE time = ? AND job = ?');
  const removeJob = db.prepare('DELETE FROM spool WHERE job = ?');

  const oldest = (limit: number): SpooledLine[] =>
    (select.all(limit) as [string, number, string, string][]).map(([job, time, series, line]) => ({
      job,
      time,
      series,
      line,
    }));
  return {
    size: () => (count.get() as [number])[0],
    add: (lines) => {
      for (const { job, time, series, line } of lines) insert.run(job, time, series, line);
    },
    oldest,
    remove: (lines) => {
      for (const { job, time, series, line } of lines) removeOne.run(time, job, series, line);
    },
    dropOldest: () => {
      const [first] = oldest(1);
      if (!first) return undefined;
      return { job: first.job, time: first.time, points: removeBucket.run(first.time, first.job).changes };
    },
    clear: (job) => void removeJob.run(job),
  };
}
