import { dirname } from 'node:path';
import {
  joinTransaction,
  openDatabase,
  openReadableDatabase,
  transaction,
  withoutWaiting,
  type LedgerDatabase,
} from './database.ts';
import { jobTables } from './layout.ts';
import { createGaps, type Gaps } from './gaps.ts';
import { createLastAnswers, type LastAnswers } from './last-answers.ts';
import { createCheckpoints, type Checkpoints } from './checkpoints.ts';
import { createLeases, type Leases } from './leases.ts';
import type { RateLimiter } from '../lib/rate-limiter.ts';
import { createRateLimiter } from './rate-limiter.ts';
import { createAllowedValues, type AllowedValues } from './allowed-values.ts';
import { createCounters, type Counters } from './counters.ts';
import { createIncidentTable, type IncidentTable } from './incidents.ts';
import { createJobs, type Jobs } from './jobs.ts';
import { createLateness, type Lateness } from './lateness.ts';
import { createNotifications, type Notifications } from './notifications.ts';
import { createPartitions, type Partitions } from './partitions.ts';
import { createReconciliations, type Reconciliations } from './reconciliations.ts';
import { createJobState, type JobStateTable } from './state.ts';
import { createOverflowParts, type OverflowParts } from './overflow-parts.ts';
import { createSpool, type Spool } from './spool.ts';

/** Tables that may outlive the points of a job. */
export type JobTable = 'allowed_value' | 'lateness' | 'reconciliation';

/** The durable record of what has been read. It alone decides what to fetch. */
export interface Ledger {
  readonly jobs: Jobs;
  readonly checkpoints: Checkpoints;
  readonly gaps: Gaps;
  readonly partitions: Partitions;
  readonly lastAnswers: LastAnswers;
  readonly lateness: Lateness;
  readonly counters: Counters;
  readonly state: JobStateTable;
  readonly allowedValues: AllowedValues;
  readonly overflowParts: OverflowParts;
  readonly spool: Spool;
  readonly reconciliations: Reconciliations;
  readonly incidents: IncidentTable;
  readonly notifications: Notifications;
  readonly rateLimiter: RateLimiter;
  readonly leases: Leases;
  /** Runs `change` as one transaction: when this returns, all of it is on disk; when it throws, none of it. */
  commit<T>(change: () => T): T;
  /** @throws LedgerError `busy`, without waiting, while another process is writing */
  assertUnlocked(): void;
  /** Removes everything about a job, its spooled points too, except from some tables. Returns the number of rows. */
  forget(job: string, except?: readonly JobTable[]): number;
  close(): void;
}

/** Opens the ledger; `:memory:` for a temporary one. @throws LedgerError */
export function openLedger(path: string): Ledger {
  return ledgerOf(openDatabase(path), path);
}

/** Opens the ledger to read it, also when it cannot be written. @throws LedgerError */
export function openReadableLedger(path: string): Ledger {
  return ledgerOf(openReadableDatabase(path), path);
}

function ledgerOf(db: LedgerDatabase, path: string): Ledger {
  const leases = createLeases(db, path === ':memory:' ? undefined : dirname(path));
  const lastAnswers = createLastAnswers(db);
  let open = true;
  return {
    jobs: createJobs(db),
    checkpoints: createCheckpoints(db),
    gaps: createGaps(db),
    partitions: createPartitions(db),
    lastAnswers,
    lateness: createLateness(db),
    counters: createCounters(db),
    state: createJobState(db),
    allowedValues: createAllowedValues(db),
    overflowParts: createOverflowParts(db),
    spool: createSpool(db),
    reconciliations: createReconciliations(db),
    incidents: createIncidentTable(db),
    notifications: createNotifications(db),
    rateLimiter: createRateLimiter(db),
    leases,
    commit: (change) => transaction(db, change),
    assertUnlocked: () => withoutWaiting(db, () => transaction(db, () => undefined)),
    forget: (job, except = []) => {
      const remove = (): number =>
        jobTables(db)
          .filter(({ table }) => !except.some((kept) => kept === table))
          .map(({ table, column }) => db.prepare(`DELETE FROM ${table} WHERE ${column} = ?`).run(job).changes)
          .reduce((sum, rows) => sum + rows, 0);
      lastAnswers.dropCache(job);
      return joinTransaction(db, remove);
    },
    close: () => {
      if (!open) return;
      open = false;
      leases.close();
      db.close();
    },
  };
}
