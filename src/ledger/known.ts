import { toCount, type Count } from '../usage/count.ts';
import { FIELDS, type Field, type Fields, type UsageRecord } from '../usage/point.ts';
import { seriesKey, tagsOfSeries } from '../usage/series.ts';
import type { Window } from '../windows/window.ts';
import type { LedgerDatabase } from './database.ts';

/**
 * The provider's last answers for the buckets that may still change, each acknowledged by the store or waiting
 * in the spool. What a new answer is compared with: an equal point is not sent again, and a total that equals
 * the sum is not asked for in parts.
 */
export interface Known {
  /** The records of a window, by `recordKey`. */
  of(job: string, window: Window): Map<string, UsageRecord>;
  put(job: string, records: Iterable<UsageRecord>): void;
  /** Forgets the buckets that start in a window. */
  forget(job: string, window: Window): void;
  clear(job: string): void;
}

/** Identifies one record of a job: series and bucket. */
export function recordKey(record: UsageRecord): string {
  return knownKey(record.time, seriesKey(record.tags));
}

export function createKnown(db: LedgerDatabase): Known {
  const select = db
    .prepare('SELECT time, series, fields FROM known WHERE job = ? AND time >= ? AND time < ?')
    .raw();
  const insert = db.prepare('INSERT OR REPLACE INTO known (job, time, series, fields) VALUES (?, ?, ?, ?)');
  const removeWindow = db.prepare('DELETE FROM known WHERE job = ? AND time >= ? AND time < ?');
  const removeJob = db.prepare('DELETE FROM known WHERE job = ?');
  return {
    of: (job, window) => {
      const records = new Map<string, UsageRecord>();
      for (const [time, series, fields] of select.all(job, window.start, window.end) as [
        number,
        string,
        string,
      ][]) {
        records.set(knownKey(time, series), {
          time,
          tags: tagsOfSeries(series),
          fields: decodeFields(fields),
        });
      }
      return records;
    },
    put: (job, records) => {
      for (const record of records)
        insert.run(job, record.time, seriesKey(record.tags), encodeFields(record.fields));
    },
    forget: (job, { start, end }) => void removeWindow.run(job, start, end),
    clear: (job) => void removeJob.run(job),
  };
}

function knownKey(time: number, series: string): string {
  return `${time} ${series}`;
}

/** Digits as text in the order of `FIELDS`, empty where absent: exact, and small. */
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
