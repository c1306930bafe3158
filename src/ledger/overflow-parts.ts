import type { Share } from '../usage/cardinality.ts';
import { seriesKey, tagsOfSeries } from '../usage/series.ts';
import type { LedgerDatabase } from './database.ts';
import { decodeFields, encodeFields } from './last-answers.ts';

/**
 * The usage behind every `__other__` point, series by series, for as long as the job lives: such a point is
 * always the sum over its whole bucket, however small the part of it that is read again, and however late.
 */
export interface Shares {
  /** The shares of the buckets that start at these times. */
  of(job: string, times: Iterable<number>): Share[];
  put(job: string, shares: Iterable<Share>): void;
  remove(job: string, shares: Iterable<Share>): void;
  clear(job: string): void;
}

export function createShares(db: LedgerDatabase): Shares {
  const select = db.prepare('SELECT series, folded, fields FROM share WHERE job = ? AND time = ?').raw();
  const insert = db.prepare(
    'INSERT OR REPLACE INTO share (job, time, series, folded, fields) VALUES (?, ?, ?, ?, ?)',
  );
  const removeOne = db.prepare('DELETE FROM share WHERE job = ? AND time = ? AND series = ?');
  const removeJob = db.prepare('DELETE FROM share WHERE job = ?');
  return {
    of: (job, times) => {
      const shares: Share[] = [];
      for (const time of times) {
        for (const [series, folded, fields] of select.all(job, time) as [string, string, string][]) {
          const record = { time, tags: tagsOfSeries(series), fields: decodeFields(fields) };
          shares.push({ record, into: tagsOfSeries(folded) });
        }
      }
      return shares;
    },
    put: (job, shares) => {
      for (const { record, into } of shares) {
        insert.run(job, record.time, seriesKey(record.tags), seriesKey(into), encodeFields(record.fields));
      }
    },
    remove: (job, shares) => {
      for (const { record } of shares) removeOne.run(job, record.time, seriesKey(record.tags));
    },
    clear: (job) => void removeJob.run(job),
  };
}
