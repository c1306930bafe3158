import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export const POLL_RESULTS = ['ok', 'failed', 'cancelled'] as const;
/** `retry` and `refused` are attempts: the messages are sent again. `expired` ones are given up. */
export const NOTIFICATION_RESULTS = ['sent', 'retry', 'refused', 'expired'] as const;
export const POINT_OUTCOMES = ['written', 'unchanged', 'rejected', 'kept'] as const;

/** State of one job at scrape time. Unknown values are absent, and so are their series. */
export interface JobState {
  readonly job: string;
  /** Seconds since the end of the newest closed bucket that was read. */
  readonly dataAge?: number | undefined;
  readonly openGaps: number;
  readonly expiredGaps: number;
  /** Polls since the last complete one that were missed, skipped, or ended with an internal error. */
  readonly missedPolls: number;
  /** Points that wait for their bucket to be final, because the store takes each point once. */
  readonly heldBackPoints: number;
  /** Lookback suggested by the measured lateness, seconds. */
  readonly lookbackAdvice?: number | undefined;
  /** Stored minus the provider's totals, at the last reconciliation. */
  readonly reconcileDifference?: number | undefined;
}

export interface CollectorState {
  readonly jobs: readonly JobState[];
  /** Points waiting for the store. */
  readonly spoolPoints: number;
  /** Open incidents by severity. */
  readonly openAlerts: Readonly<Record<string, number>>;
}

export interface MetricsOptions {
  readonly version: string;
  /** Called at every scrape. */
  readonly state: () => CollectorState;
}

/** All metrics, in a separate registry. Labels are bounded sets, never messages or user names. */
export interface Metrics extends Recorders {
  readonly contentType: string;
  /** The exposition text. */
  text(): Promise<string>;
}

interface Recorders {
  /** `result` is one of `POLL_RESULTS`. */
  readonly polls: Counter<'job' | 'result'>;
  /** When the last poll ended, Unix seconds. */
  readonly lastPoll: Gauge<'job'>;
  readonly pollDuration: Histogram<'job'>;
  /** Scheduled polls that did not start in time (`missed`) or were skipped while another was running (`overlap`). */
  readonly lostRuns: Counter<'job' | 'reason'>;
  /** `result` is `ok` or the kind of the error. */
  readonly providerCalls: Counter<'provider' | 'action' | 'result'>;
  /** `outcome` is one of `POINT_OUTCOMES`. */
  readonly points: Counter<'job' | 'outcome'>;
  readonly revisions: Counter<'job'>;
  readonly droppedRows: Counter<'job' | 'reason'>;
  readonly mismatches: Counter<'job'>;
  readonly tagOverflows: Counter<'tag'>;
  /** Incidents that were opened. */
  readonly alerts: Counter<'rule'>;
  readonly judgingErrors: Counter<'job'>;
  /** `result` is one of `NOTIFICATION_RESULTS`. */
  readonly notifications: Counter<'channel' | 'result'>;
}

export function createMetrics({ version, state }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const recorders: Recorders = {
    polls: new Counter({
      name: 'tokentide_polls_total',
      help: 'Polls that ended, by result.',
      labelNames: ['job', 'result'],
      registers,
    }),
    lastPoll: new Gauge({
      name: 'tokentide_last_poll_timestamp_seconds',
      help: 'When the last poll ended, Unix time.',
      labelNames: ['job'],
      registers,
    }),
    pollDuration: new Histogram({
      name: 'tokentide_poll_duration_seconds',
      help: 'Duration of polls.',
      labelNames: ['job'],
      buckets: [0.1, 0.5, 1, 5, 15, 60, 300, 1800],
      registers,
    }),
    lostRuns: new Counter({
      name: 'tokentide_lost_runs_total',
      help: 'Scheduled polls that were missed, or skipped because a poll was running (overlap).',
      labelNames: ['job', 'reason'],
      registers,
    }),
    providerCalls: new Counter({
      name: 'tokentide_provider_calls_total',
      help: 'Requests to a provider, by result: ok, or the kind of the error.',
      labelNames: ['provider', 'action', 'result'],
      registers,
    }),
    points: new Counter({
      name: 'tokentide_points_total',
      help: 'Points by outcome: written, unchanged, rejected or kept for later.',
      labelNames: ['job', 'outcome'],
      registers,
    }),
    revisions: new Counter({
      name: 'tokentide_revisions_total',
      help: 'Points changed by a later answer.',
      labelNames: ['job'],
      registers,
    }),
    droppedRows: new Counter({
      name: 'tokentide_dropped_rows_total',
      help: 'Rows of provider answers that were dropped, by reason.',
      labelNames: ['job', 'reason'],
      registers,
    }),
    mismatches: new Counter({
      name: 'tokentide_mismatches_total',
      help: 'Provider totals that differ from the sum of their parts.',
      labelNames: ['job'],
      registers,
    }),
    tagOverflows: new Counter({
      name: 'tokentide_tag_overflows_total',
      help: 'Tag values over the tag limit, stored as __other__.',
      labelNames: ['tag'],
      registers,
    }),
    alerts: new Counter({
      name: 'tokentide_alerts_total',
      help: 'Incidents that were opened, by rule.',
      labelNames: ['rule'],
      registers,
    }),
    judgingErrors: new Counter({
      name: 'tokentide_judging_errors_total',
      help: 'Judgements of usage after a poll that failed; they are repeated after the next poll.',
      labelNames: ['job'],
      registers,
    }),
    notifications: new Counter({
      name: 'tokentide_notifications_total',
      help: 'Messages to channels, by result: sent, retry and refused (both sent again), expired (given up).',
      labelNames: ['channel', 'result'],
      registers,
    }),
  };
  const scraped = scrapedGauges(registers, version);

  return {
    ...recorders,
    contentType: registry.contentType,
    text: () => {
      const now = state();
      scraped(now);
      startAtZero(recorders, now);
      return registry.metrics();
    },
  };
}

/** Without an initial 0, `increase()` misses the first increment. */
function startAtZero({ mismatches, points, polls, revisions }: Recorders, { jobs }: CollectorState): void {
  for (const { job } of jobs) {
    for (const result of POLL_RESULTS) polls.inc({ job, result }, 0);
    for (const outcome of POINT_OUTCOMES) points.inc({ job, outcome }, 0);
    revisions.inc({ job }, 0);
    mismatches.inc({ job }, 0);
  }
}

/** Gauges set from the state at each scrape, so that series of removed jobs disappear. */
function scrapedGauges(registers: Registry[], version: string): (state: CollectorState) => void {
  const perJob = (name: string, help: string): Gauge<'job'> =>
    new Gauge({ name, help, labelNames: ['job'], registers });
  const dataAge = perJob(
    'tokentide_data_age_seconds',
    'Time since the end of the newest closed bucket that was read.',
  );
  const openGaps = perJob('tokentide_open_gaps', 'Missing windows that will be retried.');
  const expiredGaps = perJob('tokentide_expired_gaps', "Missing windows beyond the provider's retention.");
  const missedPolls = perJob(
    'tokentide_missed_polls',
    'Polls since the last complete one that were missed, skipped, or ended with an internal error.',
  );
  const heldBackPoints = perJob(
    'tokentide_held_back_points',
    'Points that wait for their bucket to be final, because the store takes each point once.',
  );
  const lookbackAdvice = perJob(
    'tokentide_lookback_advice_seconds',
    'Lookback suggested by the measured lateness.',
  );
  const reconcileDifference = perJob(
    'tokentide_reconcile_difference_tokens',
    "Stored tokens minus the provider's total, at the last reconciliation.",
  );
  const spoolPoints = new Gauge({
    name: 'tokentide_spool_points',
    help: 'Points waiting for the store.',
    registers,
  });
  const openAlerts = new Gauge({
    name: 'tokentide_alerts_open',
    help: 'Open incidents, by severity.',
    labelNames: ['severity'],
    registers,
  });
  new Gauge({ name: 'tokentide_up', help: '1 while the collector runs.', registers }).set(1);
  new Gauge({
    name: 'tokentide_build_info',
    help: '1, with the version.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1);

  return ({ jobs, spoolPoints: waiting, openAlerts: open }) => {
    for (const gauge of [
      dataAge,
      openGaps,
      expiredGaps,
      missedPolls,
      heldBackPoints,
      lookbackAdvice,
      reconcileDifference,
    ])
      gauge.reset();
    for (const { job, ...known } of jobs) {
      openGaps.set({ job }, known.openGaps);
      expiredGaps.set({ job }, known.expiredGaps);
      missedPolls.set({ job }, known.missedPolls);
      heldBackPoints.set({ job }, known.heldBackPoints);
      if (known.dataAge !== undefined) dataAge.set({ job }, known.dataAge);
      if (known.lookbackAdvice !== undefined) lookbackAdvice.set({ job }, known.lookbackAdvice);
      if (known.reconcileDifference !== undefined)
        reconcileDifference.set({ job }, known.reconcileDifference);
    }
    spoolPoints.set(waiting);
    for (const [severity, count] of Object.entries(open)) openAlerts.set({ severity }, count);
  };
}
