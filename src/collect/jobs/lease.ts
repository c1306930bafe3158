import { LedgerError } from '../../ledger/database.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { JobContext } from '../context.ts';
import { admitJob } from './identity.ts';

const RETRY_MS = 250;
/** Attempts while another process has the ledger locked: 10 s. */
const LOCK_ATTEMPTS = 40;

export interface LeaseHolder {
  readonly ledger: Ledger;
  /** The name of this process: `run 4711`. */
  readonly owner: string;
  /** Unix seconds. */
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** Called once when the lease is held by another process. */
  readonly onWait?: (holder: string) => void;
}

/** The name of a job's lease. */
export function leaseOf(job: string): string {
  return `job ${job}`;
}

/**
 * Runs `work` while no other process works on the same job, so that a daemon and a backfill never write the same
 * window at once. Waits for the lease, then for the ledger if another process has it locked.
 * @throws the signal's reason when cancelled while waiting, LedgerError `busy`
 */
export async function withLease<T>(
  holder: LeaseHolder,
  job: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const { ledger, owner, sleep, onWait } = holder;
  const name = leaseOf(job);
  for (let isFirst = true; !ledger.leases.take(name, owner); isFirst = false) {
    if (isFirst) onWait?.(ledger.leases.holder(name) ?? 'another process');
    signal.throwIfAborted();
    await sleep(RETRY_MS, signal);
  }
  try {
    await untilUnlocked(holder, signal);
    return await work();
  } finally {
    ledger.leases.release(name, owner);
  }
}

/** A commit would wait too, but block the event loop meanwhile. */
async function untilUnlocked({ ledger, sleep }: LeaseHolder, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return ledger.assertUnlocked();
    } catch (error) {
      const isBusy = error instanceof LedgerError && error.kind === 'busy';
      if (!isBusy || attempt === LOCK_ATTEMPTS) throw error;
    }
    await sleep(RETRY_MS, signal);
  }
}

/**
 * Runs `work` on a job under its lease, unless the job was migrated since this process read its settings. Afterwards
 * the id of its store is recorded.
 * @throws JobChanged
 */
export function withJob<T>(
  holder: LeaseHolder,
  { ledger, job, store }: JobContext,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  return withLease(holder, job.name, signal, async () => {
    admitJob(ledger, job, store);
    const result = await work();
    // A new store has its id only since its first points.
    admitJob(ledger, job, store);
    return result;
  });
}
