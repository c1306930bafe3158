import type { LedgerDatabase } from './database.ts';

/** What is kept of a job besides its checkpoints and gaps. */
export interface JobRow {
  /** The settings that identify the job's points, as JSON: see `identityOf`. */
  readonly identity: string;
  /** The time of the last poll, Unix seconds: shows when the clock moves backwards. */
  readonly clock: number;
  /** Whether the provider includes the end of a range, once that is known. */
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
