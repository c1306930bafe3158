import type { JobContext } from './collect/context.ts';
import type { CollectEvent } from './collect/events.ts';
import type { Job } from './collect/job.ts';
import { withJob } from './collect/jobs/lease.ts';
import { poll } from './collect/poll/poll.ts';
import { droppedRows } from './collect/poll/dropped.ts';
import { losesRows, LOSES_ROWS } from './collect/status/dropped.ts';
import { trackFills, type FillProgress } from './collect/status/fill-progress.ts';
import { pollWithHealth } from './collect/status/health.ts';
import { readiness, type FailedJob, type PollState } from './collect/status/readiness.ts';
import type { Judging } from './alerts/live/judging.ts';
import { collectorState } from './collector-state.ts';
import type { AlertSettings } from './config/alerts-file.ts';
import { ConfigError } from './config/errors.ts';
import type { Channel } from './config/alert-channels.ts';
import type { Settings } from './config/settings.ts';
import type { NotifiedEvent } from './notify/incident.ts';
import { judgeJobs } from './judging.ts';
import { TokentideError } from './lib/errors.ts';
import type { Logger } from './observe/log.ts';
import { lazyMetrics, type LazyMetrics } from './observe/lazy-metrics.ts';
import { startServer, type Server, type ServerOptions } from './observe/server.ts';
import { startNotifier, type Notifier } from './notifier.ts';
import { DROP_REASONS } from './providers/provider.ts';
import { logFill, reporter } from './report.ts';
import { createRuntime, type Runtime } from './runtime.ts';
import { pollInterval } from './schedule/expression.ts';
import { schedule, type Schedule, type ScheduleEvent } from './schedule/scheduler.ts';
import { HOUR } from './windows/units.ts';

export interface DaemonOptions {
  readonly settings: Settings;
  readonly jobs: readonly Job[];
  /** Jobs whose files have errors: reported, not run. */
  readonly failed?: readonly FailedJob[];
  /** By which usage is judged after each poll; it is not judged without. */
  readonly alerts?: AlertSettings;
  /** Where messages go; nowhere by default. */
  readonly channels?: ReadonlyMap<string, Channel>;
  readonly log: Logger;
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Daemon {
  readonly runtime: Runtime;
  readonly notifier: Notifier;
  /** Jobs that run. */
  readonly jobs: readonly Job[];
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
/** Jobs that cannot run are reported again at this interval. */
const REMIND_MS = HOUR * 1000;
/** Between two progress lines of one job. */
const PROGRESS_SECONDS = 60;

/** Collects on schedule until stopped. @throws LedgerError, StoreError, ConfigError, JobChanged if no job can run */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { settings, log, now } = options;
  const seconds = (): number => Math.floor(now() / 1000);
  const polls = new Map<string, PollState>();
  const contexts = new Map<string, JobContext>();
  const jobs = (): Job[] => [...contexts.values()].map(({ job }) => job);
  const metrics = lazyMetrics({
    version: options.version,
    state: () => collectorState(runtime.ledger, jobs(), polls, seconds()),
  });
  const fills = trackFills({
    now: seconds,
    everySeconds: PROGRESS_SECONDS,
    contextOf: (job) => contexts.get(job),
    report: (report) => logFill(report, log),
  });
  const report = reporter(log, metrics);
  const runtime = await createRuntime({
    ...options,
    role: 'run',
    onEvent: (event: CollectEvent) => {
      if (event.type === 'stored') judging?.stored(event.points);
      report(event);
      fills.onEvent(event);
    },
    onCall: ({ name, provider }, { action, result, ...details }) => {
      metrics.record(({ providerCalls }) => providerCalls.inc({ provider: provider.id, action, result }));
      log.trace({ job: name, action, result, ...details }, 'request');
      fills.onCall(name);
    },
  });
  const schedules: Schedule[] = [];
  const failed: FailedJob[] = [...(options.failed ?? [])];
  let reminder: NodeJS.Timeout | undefined;
  let server: Server | undefined;
  let judging: Judging | undefined;
  let notifier: Notifier | undefined;

  async function stop(timeoutMs?: number): Promise<void> {
    clearInterval(reminder);
    await Promise.all(schedules.map((job) => job.stop(timeoutMs)));
    await judging?.stop();
    await server?.close();
    await notifier?.stop();
    await runtime.close();
  }

  try {
    holdDataFolder(runtime);
    failed.push(...connectJobs(runtime, options.jobs, contexts));
    const [first] = failed;
    if (contexts.size === 0 && first) throw first.error;
    notifier = startNotifier({
      channels: new Map(),
      ...options,
      grafanaUrl: options.alerts?.grafanaUrl,
      ledger: runtime.ledger,
      metrics,
    });
    server = await serve(settings, {
      relay: notifier.relay,
      metrics,
      log,
      ready: () => readiness(runtime.ledger, jobs(), polls, failed),
    });
    reminder = remind(failed, log);
    const { alerts } = options;
    const notify = (event: NotifiedEvent): void => notifier?.notify(event);
    judging = alerts && judgeJobs({ alerts, jobs: jobs(), runtime, metrics, log, now: seconds, notify });
    const poller: Poller = { runtime, metrics, log, polls, fills, judging, now };
    schedules.push(...[...contexts.values()].map((context) => scheduleJob(context, poller)));
    return {
      runtime,
      notifier,
      jobs: jobs(),
      ...(server && { url: server.url }),
      firstPolls: Promise.all(schedules.map((job) => job.poll())).then(() => undefined),
      stop,
    };
  } catch (error) {
    await stop(0);
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

/** Adds the jobs that can run to `contexts` and returns the others. */
function connectJobs(runtime: Runtime, jobs: readonly Job[], contexts: Map<string, JobContext>): FailedJob[] {
  return jobs.flatMap((job) => {
    try {
      contexts.set(job.name, runtime.jobContext(job));
      return [];
    } catch (error) {
      if (!(error instanceof TokentideError)) throw error;
      return [{ job: job.name, error }];
    }
  });
}

/** Logs the jobs that cannot run, now and every hour. */
export function remind(failed: readonly FailedJob[], log: Logger): NodeJS.Timeout {
  const tell = (): void => {
    for (const { job, error } of failed) log.error({ job, error }, 'job cannot run');
  };
  tell();
  return setInterval(tell, REMIND_MS).unref();
}

interface Poller {
  readonly runtime: Runtime;
  readonly metrics: LazyMetrics;
  readonly log: Logger;
  readonly polls: Map<string, PollState>;
  readonly fills: FillProgress;
  readonly judging: Judging | undefined;
  readonly now: () => number;
}

function scheduleJob(context: JobContext, poller: Poller): Schedule {
  const { name, schedule: expression, scheduleZone: zone } = context.job;
  poller.metrics.record(({ droppedRows }) => {
    for (const reason of DROP_REASONS) droppedRows.inc({ job: name, reason }, 0);
  });
  const interval = pollInterval(expression, zone);
  return schedule(
    { name, expression, zone, jitterMs: jitterOf(interval), runNow: false },
    (signal) => pollJob(context, poller, interval, signal),
    { now: poller.now, random: Math.random, onEvent: (event) => onScheduleEvent(event, poller) },
  );
}

/** Upper limit of the random delay of a poll, milliseconds. @param interval seconds */
export function jitterOf(interval: number): number {
  return Math.min(JITTER_MS, interval * 100);
}

/** One poll. Never rejects: whatever happens, the next scheduled poll runs. */
async function pollJob(
  context: JobContext,
  { runtime, metrics, log, polls, fills, judging, now }: Poller,
  interval: number,
  signal: AbortSignal,
): Promise<void> {
  const job = context.job.name;
  const started = now();
  // A long backfill yields to the open bucket when the next poll is due.
  const mayContinue = (): boolean => now() - started < interval * 1000;
  let result: 'ok' | 'failed' | 'cancelled' = 'failed';
  let missed = 0;
  try {
    const report = await withJob(runtime.lease, context, signal, () =>
      pollWithHealth(context, signal, (observed) =>
        poll(observed, { signal, mayContinue, outageInterval: OUTAGE_INTERVAL }),
      ),
    );
    if (losesRows(droppedRows(context.ledger, job))) log.error({ job }, LOSES_ROWS);
    const { error } = report;
    if (error)
      log.error({ job, error }, error.kind === 'unexpected' ? 'poll failed' : 'provider request failed');
    else {
      result = 'ok';
      fills.onPollEnd(job, report.left);
      log.debug({ job, windows: report.windows, left: report.left }, 'polled');
    }
  } catch (error) {
    if (signal.aborted) result = 'cancelled';
    else log.error({ job, error }, 'poll failed');
    // It ended early, for example because the ledger is locked.
    missed = (polls.get(job)?.missed ?? 0) + 1;
  } finally {
    const ended = now();
    metrics.record(({ polls: counter, lastPoll, pollDuration }) => {
      counter.inc({ job, result });
      lastPoll.set({ job }, ended / 1000);
      pollDuration.observe({ job }, (ended - started) / 1000);
    });
    if (result !== 'cancelled') polls.set(job, { result, missed });
    // Not awaited: it delays no poll.
    void judging?.afterPoll(job);
  }
}

function onScheduleEvent(event: ScheduleEvent, { log, metrics, polls }: Poller): void {
  const { type, job } = event;
  if (type === 'failed') return log.error({ job, error: event.error }, 'poll failed');
  const { result, missed } = polls.get(job) ?? { missed: 0 };
  polls.set(job, { result, missed: missed + (type === 'missed' ? event.runs : 1) });
  metrics.record(({ lostRuns }) => lostRuns.inc({ job, reason: type }));
  log.debug({ job }, type === 'overlap' ? 'previous poll still running' : 'scheduled polls were missed');
}

async function serve(
  { listen }: Settings,
  { log, ...pages }: Pick<ServerOptions, 'metrics' | 'ready' | 'relay'> & { log: Logger },
): Promise<Server | undefined> {
  if (!listen) return undefined;
  const onError = (error: unknown): void => log.error({ error }, 'request to the health server failed');
  try {
    return await startServer({ ...listen, ...pages, onError, health: () => ({ alive: true }) });
  } catch (error) {
    throw new ConfigError([
      {
        message: `cannot serve health and metrics on ${listen.host}:${listen.port}: ${(error as Error).message}`,
        hint: 'set TOKENTIDE_LISTEN to another address, or to off',
      },
    ]);
  }
}
