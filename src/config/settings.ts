import { z } from 'zod';
import type { InfluxTarget } from '../store/influxdb/options.ts';
import { parseDuration } from './duration.ts';
import { readVariable, type Environment } from './environment.ts';
import { ConfigError, type Diagnostic } from './errors.ts';
import { INFLUX_VARIABLES, influxSettings } from './influx-settings.ts';
import { closest } from './suggest.ts';
import { Secret } from '../lib/secret.ts';
import { HOUR } from '../windows/units.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Settings for all jobs, from the environment, `.env` and the command line. */
export interface Settings {
  /** Folder of job files. */
  readonly jobs: string;
  /** File of alert rules; by default `alerts.yaml` beside the folder of jobs, if it exists. */
  readonly alerts?: string;
  /** Folder of the ledger and the embedded store. */
  readonly data: string;
  /** Address of health and metrics; absent if the server is off. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Bearer token of those who send messages through this process; absent if nobody may. */
  readonly relayToken?: Secret;
  readonly logLevel: LogLevel;
  readonly store: { readonly kind: 'sqlite' } | ({ readonly kind: 'influxdb' } & InfluxTarget);
  /** Maximum number of points spooled on disk while the store is down. */
  readonly spoolPoints: number;
  /** Timeout of one request to a provider or the store, milliseconds. */
  readonly timeoutMs: number;
}

const Variables = z.object({
  TOKENTIDE_JOBS: z.string().default('./jobs'),
  TOKENTIDE_ALERTS: z.string().optional(),
  TOKENTIDE_DATA: z.string().default('./data'),
  TOKENTIDE_LISTEN: z
    .string()
    .default('127.0.0.1:9464')
    .transform((text, context) => {
      const address = parseAddress(text);
      if (address !== undefined) return address;
      context.issues.push({
        code: 'custom',
        message: 'must be host:port, such as 127.0.0.1:9464, or off',
        input: text,
      });
      return z.NEVER;
    }),
  TOKENTIDE_LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  TOKENTIDE_RELAY_TOKEN: z
    .string()
    .regex(
      /^[!-~]{16,}$/,
      'must have at least 16 characters, all printable ASCII; openssl rand -hex 32 makes one',
    )
    .transform((token) => new Secret(token))
    .optional(),
  TOKENTIDE_STORE: z.enum(['influxdb', 'sqlite'], 'must be influxdb or sqlite').optional(),
  TOKENTIDE_SPOOL_POINTS: z
    .string()
    .regex(/^[1-9][0-9]{0,9}$/, 'must be a whole number of points, at least 1')
    .default('1000000')
    .transform(Number),
  TOKENTIDE_TIMEOUT: z
    .string()
    .default('30s')
    .transform((text, context) => {
      const seconds = parseDuration(text);
      if (seconds !== undefined && seconds <= LONGEST_TIMEOUT) return seconds * 1000;
      context.issues.push({
        code: 'custom',
        message: 'must be a duration such as 30s or 2m, at most 1h',
        input: text,
      });
      return z.NEVER;
    }),
});

const LONGEST_TIMEOUT = HOUR;
const PREFIX = 'TOKENTIDE_';
const RELAY_TOKEN = 'TOKENTIDE_RELAY_TOKEN';

/** @throws ConfigError with all errors, by variable name. */
export function readSettings(env: Environment): Settings {
  const relayToken = readVariable(env, RELAY_TOKEN);
  const given = {
    ...Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')),
    ...(relayToken.value !== undefined && { [RELAY_TOKEN]: relayToken.value }),
  };
  const variables = Variables.safeParse(given);
  const kind = variables.data?.TOKENTIDE_STORE ?? (wantsInflux(given) ? 'influxdb' : 'sqlite');
  const influx = kind === 'influxdb' ? influxSettings(given) : { issues: [] };
  const issues = [
    ...(variables.error?.issues ?? []).map(({ path, message }) => ({
      message: `${path.join('.')}: ${message}`,
    })),
    ...(relayToken.problem === undefined
      ? []
      : [{ message: `${RELAY_TOKEN}: ${relayToken.problem}`, hint: 'check the path' }]),
    ...misspelt(given),
    ...('issues' in influx ? influx.issues : []),
  ];
  if (issues.length > 0 || !variables.success) throw new ConfigError(issues);
  const { data } = variables;
  return {
    jobs: data.TOKENTIDE_JOBS,
    ...(data.TOKENTIDE_ALERTS !== undefined && { alerts: data.TOKENTIDE_ALERTS }),
    data: data.TOKENTIDE_DATA,
    ...(data.TOKENTIDE_LISTEN === 'off' ? {} : { listen: data.TOKENTIDE_LISTEN }),
    ...(data.TOKENTIDE_RELAY_TOKEN && { relayToken: data.TOKENTIDE_RELAY_TOKEN }),
    logLevel: data.TOKENTIDE_LOG_LEVEL,
    store: 'issues' in influx ? { kind: 'sqlite' } : { kind: 'influxdb', ...influx },
    spoolPoints: data.TOKENTIDE_SPOOL_POINTS,
    timeoutMs: data.TOKENTIDE_TIMEOUT,
  };
}

/** Any InfluxDB variable counts: with INFLUX_HOST forgotten, points must not go to the embedded store. */
function wantsInflux(env: Environment): boolean {
  return Object.keys(env).some((name) => INFLUX_VARIABLES.includes(name));
}

function parseAddress(text: string): { host: string; port: number } | 'off' | undefined {
  if (text === 'off') return 'off';
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/\s]+)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? '', port };
}

/** A misspelt variable would otherwise be ignored. */
function misspelt(env: Environment): Diagnostic[] {
  const known = Object.keys(Variables.shape).map((name) => name.slice(PREFIX.length));
  const names = Object.keys(env).filter((name) => name.startsWith(PREFIX) && !(name in Variables.shape));
  return names.flatMap((name) => {
    const meant = closest(name.slice(PREFIX.length), known);
    if (meant === undefined) return [];
    return { message: `${name} is not a variable of tokentide`, hint: `did you mean ${PREFIX}${meant}?` };
  });
}
