import { createJudging, type Judging } from './alerts/live/judging.ts';
import type { Job } from './collect/job.ts';
import { rulesFor, workCalendarOf, type AlertSettings } from './config/alerts-file.ts';
import type { IncidentEvent } from './ledger/incidents.ts';
import type { LazyMetrics } from './observe/lazy-metrics.ts';
import type { Logger } from './observe/log.ts';
import type { Runtime } from './runtime.ts';

export interface JudgeJobsOptions {
  readonly alerts: AlertSettings;
  readonly jobs: readonly Job[];
  readonly runtime: Pick<Runtime, 'ledger' | 'store'>;
  readonly metrics: LazyMetrics;
  readonly log: Logger;
  /** Unix seconds. */
  readonly now: () => number;
  /** Within the commit that enters the change into the ledger. */
  readonly notify?: ((event: IncidentEvent) => void) | undefined;
}

/** Judges the usage of jobs after their polls; incidents are logged, counted and handed on. */
export function judgeJobs({ alerts, jobs, runtime, metrics, log, now, notify }: JudgeJobsOptions): Judging {
  return createJudging({
    jobs: alerts.off ? [] : jobs,
    ledger: runtime.ledger,
    store: runtime.store,
    zone: alerts.zone,
    calendar: workCalendarOf(alerts),
    rulesFor: (account) => rulesFor(alerts, account),
    now,
    notify: (event) => {
      notify?.(event);
      const { change, incident } = event;
      const { id, rule, severity, text, reason } = incident;
      if (change === 'opened') metrics.record(({ alerts: counter }) => counter.inc({ rule }));
      log.info({ incident: id, rule, severity, ...(reason && { reason }), text }, `incident ${change}`);
    },
    onError: (job, error) => {
      metrics.record(({ judgingErrors }) => judgingErrors.inc({ job }));
      log.error({ job, error }, 'usage could not be judged; it is judged after the next poll');
    },
  });
}
