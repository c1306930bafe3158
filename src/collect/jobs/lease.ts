import type { Ledger } from '../../ledger/ledger.ts';
import type { JobContext } from '../context.ts';
import { admitJob } from './identity.ts';

const RETRY_MS = 250;

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
 * window at once. Waits for the lease. @throws the signal's reason when cancelled while waiting
 */
export async function withLease<T>(
  { ledger, owner, sleep, onWait }: LeaseHolder,
  job: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const name = leaseOf(job);
  for (let isFirst = true; !ledger.leases.take(name, owner); isFirst = false) {
    if (isFirst) onWait?.(ledger.leases.holder(name) ?? 'another process');
    signal.throwIfAborted();
    await sleep(RETRY_MS, signal);
  }
  try {
    return await work();
  } finally {
    ledger.leases.release(name, owner);
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
