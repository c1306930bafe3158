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
  /** Base URL of health and metrics; absent when the server is off. */
  readonly url?: string;
  /** Resolves when every job has been polled once, successfully or not. */
  readonly firstPolls: Promise<void>;
  /** Starts no further polls and waits for the running ones, at most `timeoutMs` milliseconds (default 10 s). */
  stop(timeoutMs?: number): Promise<void>;
}

/** Spreads polls that are due in the same minute, milliseconds; at most a tenth of the poll interval. */
const JITTER_MS = 10_000;
/** Poll interval while the store is down, seconds: the spool stays current without growing at every tick. */
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
      return schedule(plan, run, {
        now,
        random: Math.random,
        onEvent: (event) => noteSchedule(event, log, metrics),
      });
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

/** Two daemons on one data folder would make every request twice. The lease ends with the ledger or the process. */
function holdDataFolder({ ledger, lease }: Runtime): void {
  if (ledger.leases.take('daemon', lease.owner)) return;
  throw new ConfigError([
    {
      message: `the data folder is in use by another process (${ledger.leases.holder('daemon')})`,
      hint: 'stop that process, or set TOKENTIDE_DATA to another folder',
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
  // A long backfill yields to the open bucket when the next poll is due.
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
    if (report.error) log.error({ job, error: report.error }, 'provider request failed');
    else log.debug({ job, windows: report.windows, left: report.left }, 'polled');
  } catch (error) {
    metrics.polls.inc({ job, result: signal.aborted ? 'cancelled' : 'failed' });
    if (signal.aborted) return;
    results.set(job, 'failed');
    log.error({ job, error }, 'poll failed');
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
        hint: 'set TOKENTIDE_LISTEN to another address, or to off',
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
    ...jobs.filter(({ name }) => !results.has(name)).map(({ name }) => `${name}: not polled yet`),
    ...jobs
      .filter(({ name }) => results.get(name) === 'failed')
      .map(({ name }) => `${name}: the last poll failed`),
    ...(waiting > 0 ? [`${waiting} points are waiting in the spool`] : []),
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
  if (type === 'failed') return log.error({ job, error: event.error }, 'poll failed');
  metrics.lostRuns.inc({ job, reason: type });
  log.debug({ job }, type === 'overlap' ? 'previous poll still running' : 'scheduled polls were missed');
}
