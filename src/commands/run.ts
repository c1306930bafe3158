import { alertsFileOf, readAlerts } from '../config/alerts-file.ts';
import { startDaemon } from '../daemon.ts';
import { credentialNames } from '../config/credentials.ts';
import { soundJobs } from '../config/jobs.ts';
import { PROVIDERS } from '../providers/index.ts';
import { createLogger } from '../observe/log.ts';
import type { CommandContext } from './context.ts';
import { EXIT } from './exit.ts';
import { version } from './version.ts';

/** `tokentide run`: collects on schedule until stopped. */
export async function runCommand(context: CommandContext): Promise<number> {
  const { settings, env, now, pid, signal } = context;
  const alerts = readAlerts(alertsFileOf(settings), env);
  const { channels, off } = alerts.channels;
  const loaded = context.loadJobs();
  const jobs = soundJobs(loaded);
  const failed = loaded.broken.map(({ name, error }) => ({ job: name, error }));
  const log = createLogger({
    level: settings.logLevel,
    pretty: context.interactive,
    credentials: credentialNames(PROVIDERS),
  });
  const daemon = await startDaemon({
    settings,
    jobs,
    failed,
    alerts,
    channels,
    log,
    version: version(),
    pid,
    now,
  });
  for (const job of daemon.jobs) {
    log.info(
      { job: job.name, provider: job.provider.id, schedule: job.schedule, bucket: job.bucket },
      'job enabled',
    );
  }
  for (const { name, reason } of loaded.off) log.warn({ job: name, reason }, 'job disabled');
  for (const { name, reason } of off) log.warn({ channel: name, reason }, 'channel disabled');
  log.info({ store: daemon.runtime.store.description, url: daemon.url }, 'collecting');
  await untilAborted(signal);
  log.info('stopping: waiting for running polls; a second signal ends immediately');
  await daemon.stop();
  log.info('stopped');
  return EXIT.success;
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
