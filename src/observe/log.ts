import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';

export type { Logger };

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Where lines go; standard output by default, written at once. */
  readonly destination?: DestinationStream;
  /** Lines for people instead of JSON. */
  readonly pretty?: boolean;
}

/**
 * What credentials are called in options, settings and headers. The first net is the class `Secret`; this is the second, for a
 * plain value that should not have come here. Longer messages and deeper objects are out of its reach.
 */
const CREDENTIALS = [
  'access_token',
  'accessToken',
  'app_secret',
  'authorization',
  'management_key',
  'password',
  'private_key',
  'pseudonymKey',
  'secret_access_key',
  'secretAccessKey',
  'session_token',
  'sessionToken',
  'token',
];
const PLACES = ['', '*.', '*.*.'];

/** A line as pino writes it with the settings below. */
interface Line extends Readonly<Record<string, unknown>> {
  readonly time: string;
  readonly level: string;
  readonly msg?: string;
}

/** A logger whose messages are constant texts and whose variables stand in the object. */
export function createLogger({ level, destination, pretty = false }: LogOptions): Logger {
  const lines = destination ?? pino.destination({ dest: 1, sync: true });
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError },
      redact: { paths: PLACES.flatMap((place) => CREDENTIALS.map((name) => place + name)), censor: '***' },
    },
    pretty ? { write: (line) => lines.write(forPeople(line)) } : lines,
  );
}

/** What helps the reader of an error: its own words, and for one without a `kind`, which nobody foresaw, the stack. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { kind, hint, code, status, requestId } = error as Error & Partial<Record<string, unknown>>;
  const details = { kind, hint, code, status, requestId };
  return {
    type: error.name,
    message: error.message,
    ...Object.fromEntries(Object.entries(details).filter(([, value]) => isPlain(value))),
    ...(error.cause instanceof Error ? { cause: error.cause.message } : {}),
    ...(kind === undefined || kind === 'unexpected' ? { stack: error.stack } : {}),
  };
}

function isPlain(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number';
}

/** `2026-10-01T08:00:00.000Z INFO  polled job=trae-main windows=3` */
function forPeople(line: string): string {
  const { time, level, msg, ...details } = JSON.parse(line) as Line;
  const shown = Object.entries(details).map(([name, value]) => `${name}=${asText(value)}`);
  return `${[time, level.toUpperCase().padEnd(5), msg ?? '', ...shown].join(' ')}\n`;
}

function asText(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
