import type { LedgerDatabase } from './database.ts';

/** Small values kept per job, by the collector and by providers. */
export interface JobStateTable {
  get(job: string, key: string): string | undefined;
  set(job: string, key: string, value: string): void;
}

export function createJobState(db: LedgerDatabase): JobStateTable {
  const select = db.prepare('SELECT value FROM state WHERE job = ? AND key = ?').raw();
  const insert = db.prepare('INSERT OR REPLACE INTO state (job, key, value) VALUES (?, ?, ?)');
  return {
    get: (job, key) => (select.get(job, key) as [string] | undefined)?.[0],
    set: (job, key, value) => void insert.run(job, key, value),
  };
}
