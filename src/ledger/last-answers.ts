import { toCount, type Count } from '../usage/count.ts';
import { FIELDS, type Field, type Fields, type Tags, type UsageRecord } from '../usage/point.ts';
import { createRecordIndex, type ReadonlyRecordIndex } from '../usage/record-index.ts';
import { seriesKey, tagsOfSeries } from '../usage/series.ts';
import type { Window } from '../windows/window.ts';
import { createLastAnswersCache } from './last-answers-cache.ts';
import type { LedgerDatabase } from './database.ts';

/**
 * The provider's last answers for buckets that may still change. Each is stored or spooled. New answers are compared
 * with them: an unchanged point is not written again, and a total that equals their sum is not split.
 */
export interface LastAnswers {
  /** The records of a window. They are cached: do not modify them. */
  of(job: string, window: Window): ReadonlyRecordIndex;
  /** The number of records of a job. */
  count(job: string): number;
  put(job: string, records: Iterable<UsageRecord>): void;
  /** Removes the buckets that start in a window. */
  forget(job: string, window: Window): void;
  /** To be called when the rows of a job are removed in another way. */
  dropCache(job: string): void;
}

export function createLastAnswers(db: LedgerDatabase): LastAnswers {
  const select = db
    .prepare('SELECT time, series, fields FROM last_answer WHERE job = ? AND time >= ? AND time < ?')
    .raw();
  const insert = db.prepare(
    'INSERT OR REPLACE INTO last_answer (job, time, series, fields) VALUES (?, ?, ?, ?)',
  );
  const removeWindow = db.prepare('DELETE FROM last_answer WHERE job = ? AND time >= ? AND time < ?');
  const countRows = db.prepare('SELECT count(*) FROM last_answer WHERE job = ?').raw();
  const cache = createLastAnswersCache(db);

  function load(job: string, { start, end }: Window): ReadonlyRecordIndex {
    const records = createRecordIndex();
    const tags = new Map<string, Tags>();
    for (const [time, series, fields] of select.all(job, start, end) as [number, string, string][]) {
      const ofSeries = tags.get(series) ?? tagsOfSeries(series);
      tags.set(series, ofSeries);
      records.add({ time, tags: ofSeries, fields: decodeFields(fields) }, (_, record) => record);
    }
    return records;
  }

  return {
    of: (job, window) => {
      const found = cache.get(job, window) ?? load(job, window);
      cache.keep(job, window, found);
      return found;
    },
    count: (job) => (countRows.get(job) as [number])[0],
    put: (job, records) => {
      for (const { time, tags, fields } of records) {
        insert.run(job, time, seriesKey(tags), encodeFields(fields));
        cache.drop(job, { start: time, end: time + 1 });
      }
    },
    forget: (job, window) => {
      removeWindow.run(job, window.start, window.end);
      cache.drop(job, window);
    },
    dropCache: (job) => cache.drop(job),
  };
}

/** Exact digits in the order of `FIELDS`, separated by commas; empty where absent. */
export function encodeFields(fields: Fields): string {
  return FIELDS.map((field) => fields[field] ?? '').join(',');
}

export function decodeFields(text: string): Fields {
  const fields: Partial<Record<Field, Count>> = {};
  const values = text.split(',');
  for (const [index, field] of FIELDS.entries()) {
    const digits = values[index];
    if (digits) fields[field] = digits.length < 16 ? Number(digits) : toCount(BigInt(digits));
  }
  return fields;
}
