import type { Ledger } from '../ledger/ledger.ts';

const LEASE_SECONDS = 60;
const RENEW_MS = 15_000;
const ASK_AGAIN_MS = 250;

export interface LeaseHolder {
  readonly ledger: Ledger;
  /** Names this process: `daemon 4711`. */
  readonly owner: string;
  /** Unix seconds. */
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/**
 * Runs `work` while no other process works on the same job: a daemon and a back-fill never write the same
 * window at once. Waits for its turn. @throws the signal's reason when cancelled while waiting
 */
export async function withLease<T>(
  { ledger, owner, now, sleep }: LeaseHolder,
  job: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const name = `job ${job}`;
  while (!ledger.leases.take(name, owner, now(), LEASE_SECONDS)) {
    signal.throwIfAborted();
    await sleep(ASK_AGAIN_MS, signal);
  }
  const renewal = setInterval(() => ledger.leases.take(name, owner, now(), LEASE_SECONDS), RENEW_MS);
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    ledger.leases.release(name, owner);
  }
}
