import type { Ledger } from '../../ledger/ledger.ts';
import type { JobContext } from '../context.ts';
import { deliver, reachStore, spool } from './deliver.ts';
import { toPoints } from './to-points.ts';

/** Key of the job state: set while the ledger has last answers that the store was never sent. */
const HELD_BACK = 'held_back';
const ALL = { start: 0, end: Number.MAX_SAFE_INTEGER };

/** Remembers that last answers wait for their bucket to be final; call inside a commit. */
export function markHeldBack({ job, ledger }: JobContext): void {
  if (!isHeldBack(ledger, job.name)) ledger.state.set(job.name, HELD_BACK, 'yes');
}

/** Whether the job's last answers, if any, were held back. */
export function isHeldBack(ledger: Ledger, job: string): boolean {
  return (ledger.state.get(job, HELD_BACK) ?? '') !== '';
}

/** The points that wait for their bucket to be final, because the store takes each point once. */
export function countHeldBack(ledger: Ledger, job: string): number {
  return isHeldBack(ledger, job) ? ledger.lastAnswers.count(job) : 0;
}

/**
 * Writes what was held back and would never be written otherwise: everything once the store overwrites points (its
 * server was upgraded or reconfigured, or has answered for the first time), else what is older than the job's start.
 */
export async function writeHeldBack(context: JobContext, signal: AbortSignal): Promise<void> {
  const { job, ledger, observe } = context;
  if (!isHeldBack(ledger, job.name)) return;
  // What a server can do may be unknown until it is reached.
  if (!context.store.overwrites) await reachStore(context, signal);
  // What a relative `start` has left behind is not read again, so its last answers are final.
  const window = context.store.overwrites ? ALL : { start: 0, end: job.start };
  const { points, releasedParts } = toPoints(context, ledger.lastAnswers.of(job.name, window).values());
  const result = await deliver(context, points, signal);
  ledger.commit(() => {
    spool(context, result.kept);
    ledger.overflowParts.remove(job.name, releasedParts);
    if (context.store.overwrites) ledger.state.set(job.name, HELD_BACK, '');
    else ledger.lastAnswers.forget(job.name, window);
  });
  const [rejected, kept] = [result.rejected.length, result.kept.length];
  if (points.length > 0)
    observe({ type: 'written', job: job.name, points: result.accepted, unchanged: 0, rejected, kept });
}
