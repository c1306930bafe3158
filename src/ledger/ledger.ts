import { dirname } from 'node:path';
import { openDatabase } from './database.ts';
import { createGaps, type Gaps } from './gaps.ts';
import { createKnown, type Known } from './last-answers.ts';
import { createReads, type Reads } from './checkpoints.ts';
import { createLeases, createSlots, type Leases, type Slots } from './shared.ts';
import {
  createAdmitted,
  createCounters,
  createJobs,
  createLateness,
  createMemories,
  createPartitions,
  createReconciliations,
  type Admitted,
  type Counters,
  type Jobs,
  type Lateness,
  type Memories,
  type Partitions,
  type Reconciliations,
} from './small-tables.ts';
import { createShares, type Shares } from './overflow-parts.ts';
import { createSpool, type Spool } from './spool.ts';

/** The durable record of what has been read. Nothing else decides what to fetch. */
export interface Ledger {
  readonly jobs: Jobs;
  readonly reads: Reads;
  readonly gaps: Gaps;
  readonly partitions: Partitions;
  readonly known: Known;
  readonly lateness: Lateness;
  readonly counters: Counters;
  readonly memories: Memories;
  readonly admitted: Admitted;
  readonly shares: Shares;
  readonly spool: Spool;
  readonly reconciliations: Reconciliations;
  readonly slots: Slots;
  readonly leases: Leases;
  /** Runs `change` as one step: all of it is on disk when this returns, or none of it. */
  commit<T>(change: () => T): T;
  close(): void;
}

/** Opens the ledger; `:memory:` for one that is forgotten. @throws LedgerError */
export function openLedger(path: string): Ledger {
  const db = openDatabase(path);
  const leases = createLeases(db, path === ':memory:' ? undefined : dirname(path));
  let open = true;
  return {
    jobs: createJobs(db),
    reads: createReads(db),
    gaps: createGaps(db),
    partitions: createPartitions(db),
    known: createKnown(db),
    lateness: createLateness(db),
    counters: createCounters(db),
    memories: createMemories(db),
    admitted: createAdmitted(db),
    shares: createShares(db),
    spool: createSpool(db),
    reconciliations: createReconciliations(db),
    slots: createSlots(db),
    leases,
    commit: (change) => db.transaction(change).immediate(),
    close: () => {
      if (!open) return;
      open = false;
      leases.close();
      db.close();
    },
  };
}
