import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const PATIENCE_MS = 55_000;
const ASK_AGAIN_MS = 10;

export interface Finished {
  /** Null where a signal ended the process. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built program as a child process. It is killed when the test ends, if it still runs then. */
export interface Running {
  readonly pid: number;
  /** What has been printed so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** How it ended; undefined while it runs. */
  readonly finished: Finished | undefined;
  readonly ended: Promise<Finished>;
  kill(signal: NodeJS.Signals): void;
}

export interface Surroundings {
  readonly cwd: string;
  /** All of the environment but PATH: nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts `tokentide` with these arguments. */
export function startCli(args: readonly string[], { cwd, env = {} }: Surroundings): Running {
  if (!existsSync(CLI)) throw new Error(`${CLI} is missing: npm run build`);
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => (printed[stream] += text));
  }
  let finished: Finished | undefined;
  const ended = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      finished = { code, signal, ...printed };
      resolve(finished);
    });
  });
  onTestFinished(() => endForGood(child, ended));
  return {
    pid: child.pid ?? 0,
    get stdout() {
      return printed.stdout;
    },
    get stderr() {
      return printed.stderr;
    },
    get finished() {
      return finished;
    },
    ended,
    kill: (signal) => void child.kill(signal),
  };
}

/** Runs `tokentide` to its end. */
export function runCli(args: readonly string[], surroundings: Surroundings): Promise<Finished> {
  return startCli(args, surroundings).ended;
}

/**
 * Asks again and again until there is an answer. @throws Error that names what did not come about, at once where
 * the process that should bring it about has ended
 */
export async function until<ReadResult>(
  what: string,
  ask: () => ReadResult | undefined | false | Promise<ReadResult | undefined | false>,
  { by }: { by?: Running } = {},
): Promise<ReadResult> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (by?.finished) {
      const { code, signal, stderr } = by.finished;
      throw new Error(`ended with ${code ?? signal} before it came about: ${what}\n${stderr}`);
    }
    if (Date.now() > deadline) throw new Error(`did not come about within ${PATIENCE_MS / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

/** The lines of the log of `tokentide run`. */
export function logOf({ stdout }: { readonly stdout: string }): Record<string, unknown>[] {
  const lines = stdout.slice(0, stdout.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Where a daemon serves its health and metrics, once it says so. */
export function urlOf(daemon: Running): Promise<string> {
  const spoken = (): string | undefined => {
    const url = logOf(daemon).find(({ msg }) => msg === 'collecting')?.['url'];
    return typeof url === 'string' ? url : undefined;
  };
  return until('the daemon says where it listens', spoken, { by: daemon });
}

async function endForGood(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await ended;
}
