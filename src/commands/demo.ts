import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Job } from '../collect/job.ts';
import { openLedgerFile } from '../runtime.ts';
import type { Environment } from '../config/environment.ts';
import { ConfigError } from '../config/errors.ts';
import { loadJobs, selectJobs } from '../config/jobs.ts';
import { readSettings, type Settings } from '../config/settings.ts';
import { startDaemon, type Daemon } from '../daemon.ts';
import { createLogger } from '../observe/log.ts';
import { PROVIDERS } from '../providers/index.ts';
import { startCompany, type CompanyVendor } from '../simulator/company.ts';
import { VENDORS, type VendorId } from '../simulator/vendors.ts';
import type { SumRow } from '../store/store.ts';
import { tokensOf } from '../usage/aggregate.ts';
import type { Tag } from '../usage/point.ts';
import { wallTime } from '../windows/calendar.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatCount, formatTable } from './output.ts';
import { untilAborted } from './run.ts';
import { version } from './version.ts';
import { DAY } from '../windows/units.ts';

const DAYS = 30;
/** Days of simulated usage after the start of the demo. */
const DAYS_AHEAD = 2;
const CONVERGENCE = 20 * 60;
/** Time limit for running polls at the end. */
const STOP_MS = 2_000;

const BANNER = `
  tokentide demo: simulated providers on this machine, made-up usage, no account and no network.
  Demo data is kept separate from yours and is recreated on every start.
`;

/** `tokentide demo`: runs the daemon against simulated vendors until stopped. */
export async function demoCommand(context: CommandContext): Promise<number> {
  const { env, now, pid, signal } = context;
  const settings = demoSettings(env);
  const started = now();
  const folder = settings.data;
  resetFolder(settings, `demo ${pid}`);
  context.out(`${BANNER}\n`);

  const seconds = Math.floor(started / 1000);
  const company = await startCompany({
    start: seconds - (DAYS + 1) * DAY,
    end: seconds + DAYS_AHEAD * DAY,
    now,
    convergence: CONVERGENCE,
  });
  const jobs = demoJobs(folder, company, context);
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
    if (!signal.aborted) {
      context.out(await summary(daemon, folder, seconds, ((now() - started) / 1000).toFixed(1)));
    }
    await stopped;
  } finally {
    await daemon.stop(STOP_MS);
    await Promise.all(Object.values(company).map(({ simulator }) => simulator.close()));
  }
  context.out('stopped\n');
  return EXIT.success;
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

/** Writes one job file per vendor and a `.env`, and loads them. */
function demoJobs(
  folder: string,
  company: Record<VendorId, CompanyVendor>,
  { env, now }: CommandContext,
): Job[] {
  const secrets: Record<string, string> = {};
  for (const vendor of VENDORS) {
    const options = Object.entries(company[vendor].options).map(([name, value]): [string, unknown] => {
      if (typeof value !== 'string' || name === 'base_url') return [name, value];
      const variable = `DEMO_${vendor}_${name}`.toUpperCase().replaceAll('-', '_');
      secrets[variable] = value;
      return [name, `\${${variable}}`];
    });
    const job = {
      provider: vendor,
      account: 'demo',
      schedule: '* * * * *',
      start: `${DAYS}d`,
      // The vendors' rate limits protect the vendors.
      rate_limit: { per_second: 1000, concurrency: 4 },
      options: Object.fromEntries(options),
    };
    writeFileSync(join(folder, 'jobs', `${vendor}.yaml`), `# Written by tokentide demo.\n${stringify(job)}`);
  }
  const lines = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(
    join(folder, '.env'),
    `# Credentials of the simulated vendors; written by tokentide demo.\n${lines.join('')}`,
  );
  const sources = { env: { ...env, ...secrets }, now, providers: PROVIDERS };
  return selectJobs(loadJobs(join(folder, 'jobs'), sources));
}

/** The embedded store in the demo's own folder, whatever the environment says. */
function demoSettings(env: Environment): Settings {
  const plain = Object.entries(env).filter(
    ([name]) => !name.startsWith('INFLUX_') && name !== 'TOKENTIDE_STORE',
  );
  const { listen = { host: '127.0.0.1', port: 0 }, ...settings } = readSettings(Object.fromEntries(plain));
  return { ...settings, listen, data: join(settings.data, 'demo') };
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

async function summary({ runtime, url }: Daemon, folder: string, now: number, took: string): Promise<string> {
  const { store } = runtime;
  const range = { start: now - (DAYS + 1) * DAY, end: now + DAY };
  const sums = (by: Tag[]): Promise<SumRow[]> => store.sums({ ...range, by });
  const [{ start } = { start: range.start }] = runtime.ledger.checkpoints.of('trae');
  return [
    `Tokens by provider, ${wallTime(start, 'Asia/Shanghai').slice(0, 10)} until now (Asia/Shanghai):\n`,
    table(await sums(['provider']), ['provider']),
    '\nTokens by model:\n',
    table(await sums(['provider', 'model']), ['provider', 'model']),
    `\nCollected in ${took} s; polling every minute until Ctrl-C. See:\n`,
    `  ${url}/metrics      the collector's own metrics; /healthz, /readyz\n`,
    `  ${join(folder, 'usage.sqlite')}    the stored points\n`,
    `  ${join(folder, 'jobs')}    the jobs that run\n`,
    '\nCommands to try in another terminal:\n',
    ...['status', 'reconcile', 'collect --json', 'gaps'].map(
      (command) =>
        `  npm run --silent tokentide -- --data ${folder} --jobs ${join(folder, 'jobs')} --env-file ${join(folder, '.env')} ${command}\n`,
    ),
    '\n',
  ].join('');
}

function table(rows: readonly SumRow[], tags: readonly Tag[]): string {
  return formatTable(
    [
      ...tags.map((title) => ({ title })),
      { title: 'input', align: 'right' as const },
      { title: 'output', align: 'right' as const },
      { title: 'all', align: 'right' as const },
    ],
    rows
      .toSorted((a, b) => (tokensOf(b.fields) > tokensOf(a.fields) ? 1 : -1))
      .map(({ tags: values, fields }) => [
        ...tags.map((tag) => values[tag] ?? ''),
        formatCount(fields.input_tokens ?? 0),
        formatCount(fields.output_tokens ?? 0),
        formatCount(tokensOf(fields)),
      ]),
  );
}
