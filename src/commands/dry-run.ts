import type { JobContext } from '../collect/context.ts';
import type { Job } from '../collect/job.ts';
import { poll } from '../collect/poll/poll.ts';
import { createRuntime } from '../runtime.ts';
import type { Store } from '../store/store.ts';
import { toLine } from '../usage/line-protocol.ts';
import type { Point } from '../usage/point.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatJsonLine } from './output.ts';

/**
 * `collect --dry-run`: prints the points that one poll would write to an empty store. Reads the open bucket and the
 * lookback, not the whole history.
 */
export async function dryRun(context: CommandContext, jobs: readonly Job[], json: boolean): Promise<number> {
  const { settings, now, signal, pid } = context;
  const memory = await createRuntime({ settings, role: 'dry run', pid, now, inMemory: true });
  const failures: string[] = [];
  try {
    for (const job of jobs) {
      const jobContext: JobContext = memory.jobContext(job, printer(context, job, json));
      const { error } = await poll(jobContext, { signal, mayContinue: () => false });
      if (error)
        failures.push(`${job.name}: ${error.kind}: ${error.message}${error.hint ? `\n  ${error.hint}` : ''}`);
    }
  } finally {
    await memory.close();
  }
  for (const failure of failures) context.err(`${failure}\n`);
  return failures.length > 0 ? EXIT.failed : EXIT.fine;
}

/** A store that prints its points. */
function printer({ out }: CommandContext, job: Job, json: boolean): Store {
  const print = (point: Point): void =>
    out(json ? formatJsonLine({ job: job.name, ...point }) : `${toLine(point)}\n`);
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
