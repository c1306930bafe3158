import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withJob } from '../collect/jobs/lease.ts';
import { fillGaps } from '../collect/poll/poll.ts';
import { openLedgerFile } from '../runtime.ts';
import { ConfigError } from '../config/errors.ts';
import type { Settings } from '../config/settings.ts';
import { startDaemon, type Daemon } from '../daemon.ts';
import { displayText } from '../lib/display-text.ts';
import { createLogger } from '../observe/log.ts';
import { anomaliesBefore } from '../simulator/anomalies.ts';
import { startCompany } from '../simulator/company.ts';
import type { CommandContext } from './context.ts';
import { checkInflux, influxBanner, removalOf, removeDemo } from './demo/influx.ts';
import { ACCOUNT, DAYS, demoJobs } from './demo/jobs.ts';
import { demoSettings, type DemoArguments } from './demo/settings.ts';
import { summary } from './demo/summary.ts';
import { EXIT } from './exit.ts';
import { reconcileOne } from './reconcile.ts';
import { untilAborted } from './run.ts';
import { version } from './version.ts';
import { DAY } from '../windows/units.ts';

/** Days of simulated usage after the start of the demo. */
const DAYS_AHEAD = 7;
const CONVERGENCE = 20 * 60;
/** Time limit for running polls at the end. */
const STOP_MS = 2_000;

const BANNER = `
  tokentide demo: simulated providers on this machine, made-up usage, no account and no network.
  Demo data is kept separate from yours and is recreated on every start.
`;

/** `tokentide demo`: runs the daemon against simulated vendors until stopped. */
export async function demoCommand(context: CommandContext, args: DemoArguments): Promise<number> {
  const { env, now, pid, signal } = context;
  const settings = demoSettings(env, args);
  const started = now();
  const seconds = Math.floor(started / 1000);
  const target = args.influx === undefined ? undefined : await checkInflux(settings, now);
  resetFolder(settings, `demo ${pid}`);
  if (args.remove) {
    context.out(`removed all points with the account ${ACCOUNT} from ${await removeDemo(settings, now)}\n`);
    return EXIT.success;
  }
  context.out(`${target ? influxBanner(target, args) : BANNER}\n`);

  const influx = target && { anomalies: anomaliesBefore(seconds), removal: removalOf(target, args) };
  const company = await startCompany({
    start: seconds - (DAYS + 1) * DAY,
    end: seconds + DAYS_AHEAD * DAY,
    now,
    convergence: CONVERGENCE,
    ...(influx && { anomalies: influx.anomalies }),
  });
  const jobs = demoJobs(settings.data, company, context);
  const daemon = await startOnFreePort(settings, {
    jobs,
    log: createLogger({ level: 'warn', pretty: true, destination: { write: context.err } }),
    version: version(),
    pid,
    now,
  });
  try {
    const stopped = untilAborted(signal);
    await Promise.race([daemon.firstPolls, stopped]);
    if (target) await unlessAborted(signal, fillAndReconcile(daemon, context));
    if (!signal.aborted) {
      const took = ((now() - started) / 1000).toFixed(1);
      context.out(await summary(daemon, { folder: settings.data, now: seconds, took, influx }));
    }
    await stopped;
  } finally {
    await daemon.stop(STOP_MS);
    await Promise.all(Object.values(company).map(({ simulator }) => simulator.close()));
  }
  context.out('stopped\n');
  return EXIT.success;
}

const LAST_DAYS = { fix: false, dropUnreported: false, tolerance: 0, json: true };

/**
 * What a daemon does in hours: tries gaps again, so that each is no larger than what the provider fails to return, and
 * compares the last days with the provider's totals. Errors are printed: the demo goes on.
 */
async function fillAndReconcile({ jobs, runtime }: Daemon, context: CommandContext): Promise<void> {
  const { signal } = context;
  for (const job of jobs) {
    const jobContext = runtime.jobContext(job);
    if (runtime.ledger.gaps.openOf(job.name).length > 0)
      await withJob(runtime.lease, jobContext, signal, () => fillGaps(jobContext, { signal }));
    const { error } = await reconcileOne(context, LAST_DAYS, runtime, job);
    if (error) context.err(`${job.name}: ${error.kind}: ${displayText(error.message)}\n`);
  }
}

/** A cancelled piece of work is no error. */
async function unlessAborted(signal: AbortSignal, work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** Empties the demo's data folder, unless another demo uses it. @throws LedgerError, ConfigError */
function resetFolder(settings: Settings, owner: string): void {
  const ledger = openLedgerFile(settings);
  const isFree = ledger.leases.take('daemon', owner);
  ledger.close();
  if (!isFree) {
    const message = `another demo is using ${settings.data}`;
    throw new ConfigError([{ message, hint: 'stop it, or set another folder with --data' }]);
  }
  rmSync(settings.data, { recursive: true, force: true });
  mkdirSync(join(settings.data, 'jobs'), { recursive: true });
}

/** The configured port, or a free one if it is in use. */
async function startOnFreePort(
  settings: Settings,
  options: Omit<Parameters<typeof startDaemon>[0], 'settings'>,
): Promise<Daemon> {
  try {
    return await startDaemon({ ...options, settings });
  } catch {
    return startDaemon({ ...options, settings: { ...settings, listen: { host: '127.0.0.1', port: 0 } } });
  }
}
