import { setMaxListeners } from 'node:events';
import { withEnvFile, type Environment } from '../config/environment.ts';
import { loadJobs, type LoadedJobs } from '../config/jobs.ts';
import { readSettings, type Settings } from '../config/settings.ts';
import { PROVIDERS } from '../providers/index.ts';

/** Global options. */
export interface GlobalOptions {
  readonly jobs?: string;
  readonly data?: string;
  readonly envFile?: string;
}

/** Process, clock and configuration as commands see them. */
export interface CommandContext {
  /** Parsed on first access. @throws ConfigError */
  readonly settings: Settings;
  readonly env: Environment;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Writes to standard output: results only. */
  readonly out: (text: string) => void;
  /** Writes to standard error: progress, warnings, errors. */
  readonly err: (text: string) => void;
  /** Whether standard error is a terminal. */
  readonly interactive: boolean;
  /** Whether standard output is a terminal. */
  readonly terminal: boolean;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly pid: number;
  /** Reads all job files. */
  readonly loadJobs: () => LoadedJobs;
}

/** The part of `process` that commands use. */
export interface ProcessIo {
  readonly env: Environment;
  readonly cwd: () => string;
  readonly pid: number;
  once(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
}

/** Precedence: command line, environment, `.env` file. @throws ConfigError */
export function createContext(options: GlobalOptions, io: ProcessIo): CommandContext {
  const env = {
    ...withEnvFile(io.env, io.cwd(), options.envFile),
    ...(options.jobs !== undefined && { TOKENTIDE_JOBS: options.jobs }),
    ...(options.data !== undefined && { TOKENTIDE_DATA: options.data }),
  };
  const now = (): number => Date.now();
  let settings: Settings | undefined;
  const stop = new AbortController();
  // Every running call adds a listener.
  setMaxListeners(0, stop.signal);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    io.once(signal, () => stop.abort(new DOMException(`stopped by ${signal}`, 'AbortError')));
  }
  return {
    env,
    now,
    get settings() {
      settings ??= readSettings(env);
      return settings;
    },
    out: (text) => void io.stdout.write(text),
    err: (text) => void io.stderr.write(text),
    signal: stop.signal,
    pid: io.pid,
    interactive: io.stderr.isTTY === true,
    terminal: io.stdout.isTTY === true,
    loadJobs() {
      settings ??= readSettings(env);
      return loadJobs(settings.jobs, { env, now, providers: PROVIDERS });
    },
  };
}
