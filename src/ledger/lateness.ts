import type { LedgerDatabase } from './database.ts';

/** Tokens by age of the read that first returned them, seconds after the bucket's close. */
export interface Lateness {
  of(job: string): { age: number; tokens: number }[];
  add(job: string, age: number, tokens: number): void;
}

export function createLateness(db: LedgerDatabase): Lateness {
  const select = db.prepare('SELECT age, tokens FROM lateness WHERE job = ? ORDER BY age').raw();
  const upsert = db.prepare(
    `INSERT INTO lateness (job, age, tokens) VALUES (?, ?, ?)
     ON CONFLICT (job, age) DO UPDATE SET tokens = tokens + excluded.tokens`,
  );
  return {
    of: (job) => (select.all(job) as [number, number][]).map(([age, tokens]) => ({ age, tokens })),
    add: (job, age, tokens) => void upsert.run(job, age, tokens),
  };
}
