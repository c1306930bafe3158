import {
  addCheckpoint,
  invalidateCheckpoints,
  removeCheckpoints,
  type ClockRollback,
  type Checkpoint,
} from '../windows/checkpoints.ts';
import type { Window } from '../windows/window.ts';
import type { LedgerDatabase } from './database.ts';

/** Which closed buckets of a job were read, and when. Times in Unix seconds. */
export interface Checkpoints {
  /** In order. With a window, those that overlap or touch it. */
  of(job: string, window?: Window): Checkpoint[];
  add(job: string, read: Checkpoint, lookback: number): void;
  remove(job: string, windows: readonly Window[]): void;
  /** See `invalidateCheckpoints`. */
  invalidate(job: string, what: ClockRollback): void;
}

const ALL: Window = { start: 0, end: Number.MAX_SAFE_INTEGER };

export function createCheckpoints(db: LedgerDatabase): Checkpoints {
  const select = db
    .prepare(
      'SELECT start, end, read_at FROM checkpoint WHERE job = ? AND end >= ? AND start <= ? ORDER BY start',
    )
    .raw();
  const insert = db.prepare(
    'INSERT OR REPLACE INTO checkpoint (job, start, end, read_at) VALUES (?, ?, ?, ?)',
  );
  const removeOne = db.prepare('DELETE FROM checkpoint WHERE job = ? AND start = ?');

  const of = (job: string, { start: from, end: to }: Window = ALL): Checkpoint[] =>
    (select.all(job, from, to) as [number, number, number][]).map(([start, end, readAt]) => ({
      start,
      end,
      readAt,
    }));

  /** Writes only rows that differ, so that a commit costs the same however long the history is. */
  const replace = (job: string, before: readonly Checkpoint[], after: readonly Checkpoint[]): void => {
    const text = (read: Checkpoint) => `${read.start}/${read.end}/${read.readAt}`;
    const old = new Set(before.map(text));
    const kept = new Set(after.map(text));
    for (const read of before) if (!kept.has(text(read))) removeOne.run(job, read.start);
    for (const read of after) if (!old.has(text(read))) insert.run(job, read.start, read.end, read.readAt);
  };
  const change = (
    job: string,
    update: (checkpoints: Checkpoint[]) => Checkpoint[],
    window?: Window,
  ): void => {
    const before = of(job, window);
    replace(job, before, update(before));
  };

  return {
    of,
    add: (job, read, lookback) => {
      // The remainder of a checkpoint that is cut may merge with its neighbour.
      const near = [read, ...of(job, read)];
      const start = Math.min(...near.map((one) => one.start));
      const end = Math.max(...near.map((one) => one.end));
      change(job, (checkpoints) => addCheckpoint(checkpoints, read, lookback), { start, end });
    },
    remove: (job, windows) => change(job, (checkpoints) => removeCheckpoints(checkpoints, windows)),
    invalidate: (job, what) => change(job, (checkpoints) => invalidateCheckpoints(checkpoints, what)),
  };
}
