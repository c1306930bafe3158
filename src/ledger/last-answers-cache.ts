import type { ReadonlyRecordIndex } from '../usage/record-index.ts';
import type { Window } from '../windows/window.ts';
import type { LedgerDatabase } from './database.ts';

/** Records of recently read windows. */
export interface LastAnswersCache {
  get(job: string, window: Window): ReadonlyRecordIndex | undefined;
  keep(job: string, window: Window, records: ReadonlyRecordIndex): void;
  /** Call it on every write; without a window, it drops the whole job. */
  drop(job: string, window?: Window): void;
}

/** In all windows together, about 5 MB; the least recently used windows are evicted. */
const MOST_RECORDS = 20_000;
const ALL: Window = { start: -Infinity, end: Infinity };

/**
 * Caches windows, so that a poll without changes does not decode thousands of rows. Writes to a window evict it, also
 * those of a transaction that fails; a write by another process evicts everything.
 */
export function createLastAnswersCache(db: LedgerDatabase): LastAnswersCache {
  const version = db.prepare('PRAGMA data_version').raw();
  const windows = new Map<string, { job: string; window: Window; records: ReadonlyRecordIndex }>();
  let seen: unknown;

  const keyOf = (job: string, { start, end }: Window): string => `${start}/${end} ${job}`;

  return {
    get: (job, window) => {
      const [current] = version.get() as [number];
      if (current !== seen) windows.clear();
      seen = current;
      return windows.get(keyOf(job, window))?.records;
    },
    keep: (job, window, records) => {
      const key = keyOf(job, window);
      windows.delete(key);
      if (records.size > MOST_RECORDS || db.inTransaction) return;
      windows.set(key, { job, window, records });
      let size = 0;
      for (const [name, kept] of [...windows].toReversed()) {
        size += kept.records.size;
        if (size > MOST_RECORDS) windows.delete(name);
      }
    },
    drop: (job, { start, end } = ALL) => {
      for (const [key, kept] of windows) {
        if (kept.job === job && kept.window.start < end && start < kept.window.end) windows.delete(key);
      }
    },
  };
}
