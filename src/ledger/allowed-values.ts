import type { LedgerDatabase } from './database.ts';

/** The tag values that are stored under their own name; further ones become `__other__`. */
export interface AllowedValues {
  of(job: string): { tag: string; value: string }[];
  add(job: string, tag: string, value: string): void;
}

export function createAllowedValues(db: LedgerDatabase): AllowedValues {
  const select = db.prepare('SELECT tag, value FROM allowed_value WHERE job = ?').raw();
  const insert = db.prepare('INSERT OR IGNORE INTO allowed_value (job, tag, value) VALUES (?, ?, ?)');
  return {
    of: (job) => (select.all(job) as [string, string][]).map(([tag, value]) => ({ tag, value })),
    add: (job, tag, value) => void insert.run(job, tag, value),
  };
}
