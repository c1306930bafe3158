import type { Job } from '../collect/job.ts';
import { poll } from '../collect/poll/poll.ts';
import { displayText } from '../lib/display-text.ts';
import { createRuntime, openExistingLedger, type Runtime } from '../runtime.ts';
import type { Store } from '../store/store.ts';
import { toLine } from '../usage/line-protocol.ts';
import type { Point } from '../usage/point.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatJsonLine, printJobError } from './output.ts';

/**
 * `collect --dry-run`: prints the points that one poll would write to an empty store. Reads the open bucket and the
 * lookback, not the whole history.
 */
export async function dryRun(context: CommandContext, jobs: readonly Job[], json: boolean): Promise<number> {
  const { settings, now, signal, pid } = context;
  // Its calls count against the rate limit that a running daemon obeys.
  const shared = openExistingLedger(settings);
  const rateLimiter = shared?.rateLimiter;
  const memory = await createRuntime({ settings, role: 'dry run', pid, now, inMemory: true, rateLimiter });
  let failed = false;
  try {
    for (const job of jobs) {
      signal.throwIfAborted();
      const error = await pollOnce(memory, context, job, json);
      if (error === undefined) continue;
      failed = true;
      printJobError(job.name, error, context.err);
    }
  } finally {
    await memory.close();
    shared?.close();
  }
  return failed ? EXIT.failed : EXIT.success;
}

/** Resolves to the error of the poll. */
async function pollOnce(memory: Runtime, context: CommandContext, job: Job, json: boolean): Promise<unknown> {
  try {
    const jobContext = memory.jobContext(job, printer(context, job, json));
    const { error } = await poll(jobContext, { signal: context.signal, mayContinue: () => false });
    return error;
  } catch (error) {
    return error;
  }
}

/** A store that prints its points. */
function printer({ out, terminal }: CommandContext, job: Job, json: boolean): Store {
  // Line protocol has no escape for control characters; a program that reads it gets them exactly.
  const shown = terminal ? displayText : (line: string): string => line;
  const print = (point: Point): void =>
    out(json ? formatJsonLine({ job: job.name, ...point }) : `${shown(toLine(point))}\n`);
  return {
    description: 'standard output',
    identity: 'standard output',
    overwrites: true,
    write: (points) => {
      points.forEach(print);
      return Promise.resolve({ accepted: points.length, rejected: [], kept: [] });
    },
    sums: () => Promise.resolve([]),
    series: () => Promise.resolve([]),
    points: () => Promise.resolve([]),
    remove: () => Promise.resolve(),
    check: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}
