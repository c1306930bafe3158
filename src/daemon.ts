import type { JobContext } from './collect/context.ts';
import type { Job } from './collect/job.ts';
import { lateness } from './collect/status/lateness.ts';
import { withJob } from './collect/jobs/lease.ts';
import { poll } from './collect/poll/poll.ts';
import { pollWithHealth } from './collect/status/health.ts';
import { jobStatus } from './collect/status/status.ts';
import { createRuntime, type Runtime } from './runtime.ts';
import { ConfigError } from './config/errors.ts';
import type { Settings } from './config/settings.ts';
import type { Logger } from './observe/log.ts';
import { createMetrics, type CollectorState, type JobState, type Metrics } from './observe/metrics.ts';
import { startServer, type Readiness, type Server } from './observe/server.ts';
import { reporter } from './report.ts';
import { pollInterval } from './schedule/expression.ts';
import { schedule, type ScheduleEvent } from './schedule/scheduler.ts';

export interface DaemonOptions {
  readonly settings: Settings;
  readonly jobs: readonly Job[];
  readonly log: Logger;
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Daemon {
  readonly runtime: Runtime;
  /** Where health and metrics are; absent where they are turned off. */
  readonly url?: string;
  /** When every job has been polled once, whatever came of it. */
  readonly firstPolls: Promise<void>;
  /** Starts no more polls, lets the running ones finish, and is over within so many milliseconds: ten seconds by default. */
  stop(timeoutMs?: number): Promise<void>;
}

/** Polls of different jobs on the same minute spread over so many milliseconds, and no more than a tenth of an interval. */
const JITTER_MS = 10_000;
/** While the store is down, a poll this often keeps the spool fresh, seconds. */
const OUTAGE_INTERVAL = 900;

/** Collects on schedule until stopped. @throws LedgerError, StoreError, JobChanged, ConfigError */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { settings, jobs, log, now } = options;
  const seconds = (): number => Math.floor(now() / 1000);
  const results = new Map<string, 'ok' | 'failed'>();
  const state = (): CollectorState => collectorState(runtime, jobs, seconds());
  const metrics = createMetrics({ version: options.version, state });
  const runtime = await createRuntime({
    ...options,
    role: 'run',
    onEvent: reporter(log, metrics),
    onCall: (provider, { action, result }) => metrics.providerCalls.inc({ provider, action, result }),
  });
  try {
    holdDataFolder(runtime);
    const jobContexts = jobs.map((job) => runtime.jobContext(job));
    const server = await serve(settings, metrics, () => readiness(runtime, jobs, results));

    const schedules = jobContexts.map((jobContext) => {
      const { job } = jobContext;
      const interval = pollInterval(job.schedule, job.scheduleZone);
      const plan = {
        name: job.name,
        expression: job.schedule,
        zone: job.scheduleZone,
        jitterMs: Math.min(JITTER_MS, interval * 100),
        runNow: false,
      };
      const run = (signal: AbortSignal): Promise<void> =>
        pollJob({ jobContext, runtime, metrics, log, results, interval, now }, signal);
      return schedule(plan, run, { now, onEvent: (event) => noteSchedule(event, log, metrics) });
    });

    return {
      runtime,
      ...(server && { url: server.url }),
      firstPolls: Promise.all(schedules.map((job) => job.poll())).then(() => undefined),
      stop: async (timeoutMs) => {
        await Promise.all(schedules.map((job) => job.stop(timeoutMs)));
        await server?.close();
        await runtime.close();
      },
    };
  } catch (error) {
    await runtime.close();
    throw error;
  }
}

/** Two daemons on one data folder would ask everything twice. The hold ends with the ledger, or the process. */
function holdDataFolder({ ledger, lease }: Runtime): void {
  if (ledger.leases.take('daemon', lease.owner)) return;
  throw new ConfigError([
    {
      message: `another tokentide (${ledger.leases.holder('daemon')}) collects into this data folder`,
      hint: 'stop it, or give this one a data folder of its own with TOKENTIDE_DATA',
    },
  ]);
}

interface JobPoll {
  readonly jobContext: JobContext;
  readonly runtime: Runtime;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly results: Map<string, 'ok' | 'failed'>;
  /** Seconds between polls. */
  readonly interval: number;
  readonly now: () => number;
}

async function pollJob(
  { jobContext, runtime, metrics, log, results, interval, now }: JobPoll,
  signal: AbortSignal,
): Promise<void> {
  const job = jobContext.job.name;
  const started = now();
  // A long catch-up makes room for the open bucket when the next poll is due.
  const mayContinue = (): boolean => now() - started < interval * 1000;
  try {
    const report = await withJob(runtime.lease, jobContext, signal, () =>
      pollWithHealth(jobContext, signal, (context) =>
        poll(context, { signal, mayContinue, outageInterval: OUTAGE_INTERVAL }),
      ),
    );
    const result = report.error ? 'failed' : 'ok';
    results.set(job, result);
    metrics.polls.inc({ job, result });
    if (report.error) log.error({ job, error: report.error }, 'the provider could not be read');
    else log.debug({ job, windows: report.windows, left: report.left }, 'polled');
  } catch (error) {
    metrics.polls.inc({ job, result: signal.aborted ? 'cancelled' : 'failed' });
    if (signal.aborted) return;
    results.set(job, 'failed');
    log.error({ job, error }, 'the poll failed');
  } finally {
    metrics.lastPoll.set({ job }, now() / 1000);
    metrics.pollDuration.observe({ job }, (now() - started) / 1000);
  }
}

async function serve(
  { listen }: Settings,
  metrics: Metrics,
  ready: () => Readiness,
): Promise<Server | undefined> {
  if (!listen) return undefined;
  try {
    return await startServer({ ...listen, metrics, ready, health: () => ({ alive: true }) });
  } catch (error) {
    throw new ConfigError([
      {
        message: `cannot serve health and metrics on ${listen.host}:${listen.port}: ${(error as Error).message}`,
        hint: 'choose another address with TOKENTIDE_LISTEN, or turn it off with TOKENTIDE_LISTEN=off',
      },
    ]);
  }
}

function readiness(
  { ledger }: Runtime,
  jobs: readonly Job[],
  results: ReadonlyMap<string, 'ok' | 'failed'>,
): Readiness {
  const waiting = ledger.spool.size();
  const reasons = [
    ...jobs.filter(({ name }) => !results.has(name)).map(({ name }) => `${name} has not been polled yet`),
    ...jobs
      .filter(({ name }) => results.get(name) === 'failed')
      .map(({ name }) => `the last poll of ${name} failed`),
    ...(waiting > 0 ? [`${waiting} points wait for the store`] : []),
  ];
  return { ready: reasons.length === 0, reasons };
}

function collectorState({ ledger }: Runtime, jobs: readonly Job[], now: number): CollectorState {
  const states = jobs.map((job): JobState => {
    const status = jobStatus(ledger, job, now);
    const { reconciled } = status;
    return {
      job: job.name,
      dataAge: status.dataAge,
      openGaps: status.gaps,
      expiredGaps: status.expired,
      lookbackAdvice: lateness(status.lateness)?.completeAfter,
      reconcileDifference: reconciled && Number(BigInt(reconciled.stored) - BigInt(reconciled.provider)),
    };
  });
  return { jobs: states, spoolPoints: ledger.spool.size() };
}

function noteSchedule(event: ScheduleEvent, log: Logger, metrics: Metrics): void {
  const { type, job } = event;
  if (type === 'failed') return log.error({ job, error: event.error }, 'the poll failed');
  metrics.lostRuns.inc({ job, reason: type });
  log.debug({ job }, type === 'overlap' ? 'the last poll is still under way' : 'planned polls did not start');
}
