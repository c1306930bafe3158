import { addRead, distrustReads, removeReads, type Distrust, type Read } from '../windows/checkpoints.ts';
import type { Window } from '../windows/window.ts';
import type { LedgerDatabase } from './database.ts';

/** Which closed buckets of a job were read, and when. */
export interface Reads {
  /** In order; those that overlap or touch a window where one is given. */
  of(job: string, window?: Window): Read[];
  add(job: string, read: Read, lookback: number): void;
  remove(job: string, windows: readonly Window[]): void;
  /** See `distrustReads`. */
  distrust(job: string, what: Distrust): void;
  clear(job: string): void;
}

const ALL: Window = { start: 0, end: Number.MAX_SAFE_INTEGER };

export function createReads(db: LedgerDatabase): Reads {
  const select = db
    .prepare('SELECT start, end, read_at FROM read WHERE job = ? AND end >= ? AND start <= ? ORDER BY start')
    .raw();
  const insert = db.prepare('INSERT OR REPLACE INTO read (job, start, end, read_at) VALUES (?, ?, ?, ?)');
  const removeOne = db.prepare('DELETE FROM read WHERE job = ? AND start = ?');

  const of = (job: string, { start: from, end: to }: Window = ALL): Read[] =>
    (select.all(job, from, to) as [number, number, number][]).map(([start, end, readAt]) => ({
      start,
      end,
      readAt,
    }));

  /** Writes only the rows that differ: a commit touches a few of them, whatever the length of the history. */
  const replace = (job: string, before: readonly Read[], after: readonly Read[]): void => {
    const text = (read: Read) => `${read.start}/${read.end}/${read.readAt}`;
    const old = new Set(before.map(text));
    const kept = new Set(after.map(text));
    for (const read of before) if (!kept.has(text(read))) removeOne.run(job, read.start);
    for (const read of after) if (!old.has(text(read))) insert.run(job, read.start, read.end, read.readAt);
  };
  const change = (job: string, update: (reads: Read[]) => Read[], window?: Window): void => {
    const before = of(job, window);
    replace(job, before, update(before));
  };

  return {
    of,
    add: (job, read, lookback) => {
      // What is left of a read that is cut may become one with its own neighbour.
      const near = [read, ...of(job, read)];
      const start = Math.min(...near.map((one) => one.start));
      const end = Math.max(...near.map((one) => one.end));
      change(job, (reads) => addRead(reads, read, lookback), { start, end });
    },
    remove: (job, windows) => change(job, (reads) => removeReads(reads, windows)),
    distrust: (job, what) => change(job, (reads) => distrustReads(reads, what)),
    clear: (job) => change(job, () => []),
  };
}
