import type { Ledger } from '../../ledger/ledger.ts';
import type { Job } from '../job.ts';
import { droppedRows } from '../poll/dropped.ts';
import { losesRows, LOSES_ROWS } from './dropped.ts';

/** What the daemon knows of a job's polls. */
export interface PollState {
  /** Result of the last poll; absent before the first one has ended. */
  readonly result?: 'ok' | 'failed' | undefined;
  /** Scheduled polls since the last poll ended that were missed or skipped. */
  readonly missed: number;
}

/** A job that cannot run: its file has errors, or its settings do not fit the stored points. */
export interface FailedJob {
  readonly job: string;
  readonly error: Error;
}

export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

/** Scheduled polls without a finished one after which a job counts as stuck. */
export const STUCK_POLLS = 3;

export function readiness(
  ledger: Ledger,
  jobs: readonly Job[],
  polls: ReadonlyMap<string, PollState>,
  failed: readonly FailedJob[],
): Readiness {
  const spooled = ledger.spool.size();
  const reasons = [
    ...failed.map(({ job, error }) => `${job}: not running: ${error.message}`),
    ...jobs.flatMap((job) => jobReasons(ledger, job, polls.get(job.name))),
    ...(spooled > 0 ? [`${spooled} points are waiting in the spool`] : []),
  ];
  return { ready: reasons.length === 0, reasons };
}

function jobReasons(ledger: Ledger, { name }: Job, state: PollState | undefined): string[] {
  const reasons = [];
  if (!state?.result) reasons.push(`${name}: not polled yet`);
  if (state?.result === 'failed') reasons.push(`${name}: the last poll failed`);
  if (state && state.missed >= STUCK_POLLS)
    reasons.push(`${name}: no poll has finished for ${state.missed} scheduled polls`);
  if (losesRows(droppedRows(ledger, name))) reasons.push(`${name}: ${LOSES_ROWS}`);
  return reasons;
}
