import type { LedgerDatabase } from './database.ts';

/** The result of one `reconcile`. Token counts are exact digits, times Unix seconds. */
export interface Reconciliation {
  readonly at: number;
  readonly start: number;
  readonly end: number;
  readonly provider: string;
  readonly stored: string;
  readonly differences: number;
}

export interface Reconciliations {
  of(job: string): Reconciliation[];
  add(job: string, row: Reconciliation): void;
}

export function createReconciliations(db: LedgerDatabase): Reconciliations {
  const select = db
    .prepare(
      'SELECT at, start, end, provider, stored, differences FROM reconciliation WHERE job = ? ORDER BY at',
    )
    .raw();
  const insert = db.prepare('INSERT OR REPLACE INTO reconciliation VALUES (?, ?, ?, ?, ?, ?, ?)');
  return {
    of: (job) =>
      (select.all(job) as [number, number, number, string, string, number][]).map(
        ([at, start, end, provider, stored, differences]) => ({
          at,
          start,
          end,
          provider,
          stored,
          differences,
        }),
      ),
    add: (job, row) =>
      void insert.run(job, row.at, row.start, row.end, row.provider, row.stored, row.differences),
  };
}
