import type { LedgerDatabase } from './database.ts';

/** What is known of a job beside its reads and gaps. */
export interface JobRow {
  /** Everything that, when changed, would count usage twice or orphan it: see `jobIdentity`. */
  readonly identity: string;
  /** The latest time the job has seen, Unix seconds. */
  readonly clock: number;
  /** How the account's API takes the end of a range, once found out. */
  readonly rangeEnd: 'exclusive' | 'inclusive' | undefined;
}

export interface Jobs {
  of(name: string): JobRow | undefined;
  names(): string[];
  save(name: string, row: JobRow): void;
}

export function createJobs(db: LedgerDatabase): Jobs {
  const select = db.prepare('SELECT identity, clock, range_end FROM job WHERE name = ?').raw();
  const names = db.prepare('SELECT name FROM job ORDER BY name').raw();
  const insert = db.prepare(
    'INSERT OR REPLACE INTO job (name, identity, clock, range_end) VALUES (?, ?, ?, ?)',
  );
  return {
    of: (name) => {
      const row = select.get(name) as [string, number, JobRow['rangeEnd'] | null] | undefined;
      return row && { identity: row[0], clock: row[1], rangeEnd: row[2] ?? undefined };
    },
    names: () => (names.all() as [string][]).map(([name]) => name),
    save: (name, row) => void insert.run(name, row.identity, row.clock, row.rangeEnd ?? null),
  };
}
