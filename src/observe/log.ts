import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import { displayText } from '../lib/display-text.ts';

export type { Logger };

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Standard output by default, written synchronously. */
  readonly destination?: DestinationStream;
  /** Plain text lines instead of JSON. */
  readonly pretty?: boolean;
  /** Names of further credentials to redact: those of provider options. */
  readonly credentials?: readonly string[];
}

/**
 * Names of credentials in settings, tokens and headers. The class `Secret` already redacts itself; these names and
 * those of the providers' options catch plain values down to a depth of three.
 */
const CREDENTIALS = ['access_token', 'accessToken', 'authorization', 'password', 'pseudonymKey', 'token'];
const PLACES = ['', '*.', '*.*.'];

/** A line as written by pino with the settings below. */
interface Line extends Readonly<Record<string, unknown>> {
  readonly time: string;
  readonly level: string;
  readonly msg?: string;
}

/** Messages are constant; variables go into the object. */
export function createLogger({ level, destination, pretty = false, credentials = [] }: LogOptions): Logger {
  const names = [...CREDENTIALS, ...credentials];
  const lines = destination ?? pino.destination({ dest: 1, sync: true });
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError },
      redact: { paths: PLACES.flatMap((place) => names.map((name) => place + name)), censor: '***' },
    },
    pretty ? { write: (line) => lines.write(forPeople(line)) } : lines,
  );
}

/** Message, kind and hint of an expected error; also the stack of an unexpected one (without `kind`, or kind `unexpected`). */
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
  if (typeof value !== 'string') return displayText(JSON.stringify(value));
  const text = displayText(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
