import type { Window } from '../windows/window.ts';
import type { LedgerDatabase } from './database.ts';

/** A point to be written once the store is available, as line protocol. */
export interface SpooledLine {
  readonly job: string;
  /** Start and end of the bucket, Unix seconds; equal for a point that is no bucket, such as a reconciliation. */
  readonly time: number;
  readonly end: number;
  readonly series: string;
  readonly line: string;
}

/**
 * Points that the store could not take. A later value of the same point replaces the spooled one, and a job's points
 * are drained under its lease, so that draining never overwrites a newer value with an older one.
 */
export interface Spool {
  /** Points of one job, or of all. */
  size(job?: string): number;
  /** The jobs that have points in the spool. */
  jobs(): string[];
  add(lines: readonly SpooledLine[]): void;
  /** The job's oldest points. */
  oldest(job: string, count: number): SpooledLine[];
  /** Removes points that were written, unless a newer value was spooled meanwhile. */
  remove(lines: readonly SpooledLine[]): void;
  /** Drops all points of the oldest bucket of any job. */
  dropOldest(): { job: string; window: Window; points: number } | undefined;
}

export function createSpool(db: LedgerDatabase): Spool {
  const count = db.prepare('SELECT count(*) FROM spool').raw();
  const countJob = db.prepare('SELECT count(*) FROM spool WHERE job = ?').raw();
  const nextJob = db.prepare('SELECT job FROM spool WHERE job > ? ORDER BY job LIMIT 1').raw();
  const insert = db.prepare(
    'INSERT OR REPLACE INTO spool (job, time, series, end, line) VALUES (?, ?, ?, ?, ?)',
  );
  const select = db
    .prepare('SELECT time, end, series, line FROM spool WHERE job = ? ORDER BY time, series LIMIT ?')
    .raw();
  const first = db.prepare('SELECT job, time, end FROM spool ORDER BY time, job LIMIT 1').raw();
  const removeOne = db.prepare('DELETE FROM spool WHERE job = ? AND time = ? AND series = ? AND line = ?');
  const removeBucket = db.prepare('DELETE FROM spool WHERE job = ? AND time = ?');

  return {
    size: (job) => ((job === undefined ? count.get() : countJob.get(job)) as [number])[0],
    jobs: () => {
      const names: string[] = [];
      // One step in the index per job, instead of DISTINCT over all points.
      for (let last = ''; ;) {
        const found = nextJob.get(last) as [string] | undefined;
        if (!found) return names;
        names.push((last = found[0]));
      }
    },
    add: (lines) => {
      for (const { job, time, series, end, line } of lines) insert.run(job, time, series, end, line);
    },
    oldest: (job, limit) =>
      (select.all(job, limit) as [number, number, string, string][]).map(([time, end, series, line]) => ({
        job,
        time,
        end,
        series,
        line,
      })),
    remove: (lines) => {
      for (const { job, time, series, line } of lines) removeOne.run(job, time, series, line);
    },
    dropOldest: () => {
      const found = first.get() as [string, number, number] | undefined;
      if (!found) return undefined;
      const [job, start, end] = found;
      return { job, window: { start, end }, points: removeBucket.run(job, start).changes };
    },
  };
}
