import type { OverflowPart } from '../usage/cardinality.ts';
import { seriesKey, tagsOfSeries } from '../usage/series.ts';
import type { LedgerDatabase } from './database.ts';
import { decodeFields, encodeFields } from './last-answers.ts';

/**
 * The series that each `__other__` point is the sum of. They are kept as long as the job exists, because a re-read of
 * one part must produce the sum of the whole bucket.
 */
export interface OverflowParts {
  /** The parts of the buckets that start at these times. */
  of(job: string, times: Iterable<number>): OverflowPart[];
  put(job: string, overflowParts: Iterable<OverflowPart>): void;
  remove(job: string, overflowParts: Iterable<OverflowPart>): void;
}

export function createOverflowParts(db: LedgerDatabase): OverflowParts {
  const select = db
    .prepare('SELECT series, folded, fields FROM overflow_part WHERE job = ? AND time = ?')
    .raw();
  const insert = db.prepare(
    'INSERT OR REPLACE INTO overflow_part (job, time, series, folded, fields) VALUES (?, ?, ?, ?, ?)',
  );
  const removeOne = db.prepare('DELETE FROM overflow_part WHERE job = ? AND time = ? AND series = ?');
  return {
    of: (job, times) => {
      const overflowParts: OverflowPart[] = [];
      for (const time of times) {
        for (const [series, folded, fields] of select.all(job, time) as [string, string, string][]) {
          const record = { time, tags: tagsOfSeries(series), fields: decodeFields(fields) };
          overflowParts.push({ record, into: tagsOfSeries(folded) });
        }
      }
      return overflowParts;
    },
    put: (job, overflowParts) => {
      for (const { record, into } of overflowParts) {
        insert.run(job, record.time, seriesKey(record.tags), seriesKey(into), encodeFields(record.fields));
      }
    },
    remove: (job, overflowParts) => {
      for (const { record } of overflowParts) removeOne.run(job, record.time, seriesKey(record.tags));
    },
  };
}
