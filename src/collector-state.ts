import type { Job } from './collect/job.ts';
import type { PollState } from './collect/status/readiness.ts';
import { jobStatus } from './collect/status/status.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { CollectorState, JobState } from './observe/metrics.ts';

/** The state of all jobs for metrics. @param now Unix seconds */
export function collectorState(
  ledger: Ledger,
  jobs: readonly Job[],
  polls: ReadonlyMap<string, PollState>,
  now: number,
): CollectorState {
  const states = jobs.map((job): JobState => {
    const { dataAge, gaps, expired, heldBack, advice, reconciled } = jobStatus(ledger, job, now);
    return {
      job: job.name,
      dataAge,
      openGaps: gaps,
      expiredGaps: expired,
      missedPolls: polls.get(job.name)?.missed ?? 0,
      heldBackPoints: heldBack,
      lookbackAdvice: advice?.completeAfter,
      reconcileDifference: reconciled && Number(BigInt(reconciled.stored) - BigInt(reconciled.provider)),
    };
  });
  return {
    jobs: states,
    spoolPoints: ledger.spool.size(),
    openAlerts: ledger.incidents.openBySeverity(),
  };
}
