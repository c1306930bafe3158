import type { Ledger } from '../../ledger/ledger.ts';
import type { Job } from '../job.ts';
import { lateness } from './lateness.ts';
import type { PollState } from './readiness.ts';
import { jobStatus } from './status.ts';

/** State of one job for metrics. Unknown values are absent. */
export interface JobState {
  readonly job: string;
  readonly dataAge?: number | undefined;
  readonly openGaps: number;
  readonly expiredGaps: number;
  readonly missedPolls: number;
  /** Seconds. */
  readonly lookbackAdvice?: number | undefined;
  /** Stored minus reported tokens, at the last reconciliation. */
  readonly reconcileDifference?: number | undefined;
}

export interface CollectorState {
  readonly jobs: readonly JobState[];
  readonly spoolPoints: number;
}

/** @param now Unix seconds */
export function collectorState(
  ledger: Ledger,
  jobs: readonly Job[],
  polls: ReadonlyMap<string, PollState>,
  now: number,
): CollectorState {
  const states = jobs.map((job): JobState => {
    const status = jobStatus(ledger, job, now);
    const { reconciled } = status;
    return {
      job: job.name,
      dataAge: status.dataAge,
      openGaps: status.gaps,
      expiredGaps: status.expired,
      missedPolls: polls.get(job.name)?.missed ?? 0,
      lookbackAdvice: lateness(status.lateness)?.completeAfter,
      reconcileDifference: reconciled && Number(BigInt(reconciled.stored) - BigInt(reconciled.provider)),
    };
  });
  return { jobs: states, spoolPoints: ledger.spool.size() };
}
