import { ALL_PARTITIONS, type Gap } from '../../ledger/gaps.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Job } from '../job.ts';
import { droppedRows } from '../poll/dropped.ts';
import { losesRows, LOSES_ROWS } from './dropped.ts';

/** What the daemon knows of a job's polls. */
export interface PollState {
  /** Result of the last poll; absent before the first one has ended. */
  readonly result?: 'ok' | 'failed' | undefined;
  /** Polls since the last complete one that were missed, skipped, or ended with an internal error. */
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
  const failure = commonFailure(ledger, name);
  if (failure) reasons.push(`${name}: no partition can be read: ${failure.kind}: ${failure.error}`);
  if (state && state.missed >= STUCK_POLLS)
    reasons.push(`${name}: no poll has finished for ${state.missed} scheduled polls`);
  if (losesRows(droppedRows(ledger, name))) reasons.push(`${name}: ${LOSES_ROWS}`);
  return reasons;
}

/** A gap of the job while each of its partitions has failed since it was last read. */
function commonFailure(ledger: Ledger, job: string): Gap | undefined {
  const failed = new Map(
    ledger.gaps
      .openOf(job)
      .filter(({ partition, attempts }) => partition !== ALL_PARTITIONS && attempts > 0)
      .map((gap) => [gap.partition, gap]),
  );
  if (failed.size === 0) return undefined;
  const known = [...ledger.partitions.of(job)];
  const listedAt = known.reduce((latest, [, { lastSeen }]) => Math.max(latest, lastSeen), 0);
  const listed = known.filter(([, { lastSeen }]) => lastSeen === listedAt);
  return listed.every(([id]) => failed.has(id)) ? failed.get(listed[0]?.[0] ?? '') : undefined;
}
