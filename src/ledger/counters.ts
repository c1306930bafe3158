import type { LedgerDatabase } from './database.ts';

/** Running totals per job that survive a restart: revisions, mismatches, dropped points. */
export interface Counters {
  of(job: string): Readonly<Record<string, number>>;
  add(job: string, name: string, value: number): void;
}

export function createCounters(db: LedgerDatabase): Counters {
  const select = db.prepare('SELECT name, value FROM counter WHERE job = ?').raw();
  const upsert = db.prepare(
    `INSERT INTO counter (job, name, value) VALUES (?, ?, ?)
     ON CONFLICT (job, name) DO UPDATE SET value = value + excluded.value`,
  );
  return {
    of: (job) => Object.fromEntries(select.all(job) as [string, number][]),
    add: (job, name, value) => void upsert.run(job, name, value),
  };
}
