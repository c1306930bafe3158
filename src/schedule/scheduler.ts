import { setMaxListeners } from 'node:events';
import { createTask, type Logger } from 'node-cron';
import { validateSchedule } from './expression.ts';
import { watch } from './watchdog.ts';

export interface ScheduledJob {
  readonly name: string;
  /** Cron expression, in the wall clock of `zone`. */
  readonly expression: string;
  readonly zone: string;
  /** A planned poll starts up to so many milliseconds later, drawn anew each time. */
  readonly jitterMs: number;
  /** Polls at once, before the first planned run; true by default. */
  readonly runNow?: boolean;
}

export type ScheduleEvent =
  /** A run came due while the last one was still under way, and was left out. */
  | { readonly type: 'overlap'; readonly job: string }
  /** Planned runs did not start in time; one poll now makes up for all of them. */
  | { readonly type: 'missed'; readonly job: string; readonly runs: number }
  /** A poll ended with an error that it did not handle itself. */
  | { readonly type: 'failed'; readonly job: string; readonly error: unknown };

export interface ScheduleDeps {
  readonly onEvent: (event: ScheduleEvent) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Schedule {
  /** Polls now, unless a poll is under way. */
  poll(): Promise<void>;
  /**
   * Starts no more polls and waits for the running one, whose signal fires shortly before the limit is reached.
   * Resolves to whether it ended in time.
   */
  stop(timeoutMs?: number): Promise<boolean>;
}

const STOP_MS = 10_000;
/** How long before the limit a running poll is told to end. */
const LAST_CALL_MS = 2_000;

const silent: Logger = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} };

/** Polls on a cron schedule, one poll at a time. @throws RangeError for a schedule that `validateSchedule` refuses. */
export function schedule(
  job: ScheduledJob,
  run: (signal: AbortSignal) => Promise<void>,
  deps: ScheduleDeps,
): Schedule {
  const problem = validateSchedule(job.expression, job.zone);
  if (problem) throw new RangeError(`job ${job.name}: ${problem}`);

  let polling: { readonly done: Promise<void>; readonly controller: AbortController } | undefined;
  let stopped = false;
  const overlap = (): void => deps.onEvent({ type: 'overlap', job: job.name });

  async function poll(): Promise<void> {
    if (stopped) return;
    // node-cron guards only the runs that it started itself.
    if (polling) return overlap();
    const controller = new AbortController();
    // Every call of the poll listens to it.
    setMaxListeners(0, controller.signal);
    polling = { controller, done: runSafely(controller.signal) };
    await polling.done;
    polling = undefined;
  }

  async function runSafely(signal: AbortSignal): Promise<void> {
    try {
      await run(signal);
    } catch (error) {
      deps.onEvent({ type: 'failed', job: job.name, error });
    }
  }

  async function stop(timeoutMs = STOP_MS): Promise<boolean> {
    stopped = true;
    clearInterval(watchdog);
    void task.destroy();
    if (!polling) return true;
    const { controller, done } = polling;
    const timers: NodeJS.Timeout[] = [];
    const limit = new Promise<boolean>((resolve) => {
      timers.push(
        setTimeout(() => controller.abort(new Error('shutting down')), Math.max(0, timeoutMs - LAST_CALL_MS)),
        setTimeout(() => resolve(false), timeoutMs),
      );
    });
    const ended = await Promise.race([done.then(() => true), limit]);
    for (const timer of timers) clearTimeout(timer);
    return ended;
  }

  const task = createTask(job.expression, poll, {
    name: job.name,
    timezone: job.zone,
    noOverlap: true,
    maxRandomDelay: job.jitterMs,
    logger: silent,
  });
  task.on('execution:overlap', overlap);
  const watchdog = watch(task, deps.now, (runs) => {
    deps.onEvent({ type: 'missed', job: job.name, runs });
    void poll();
  });
  void task.start();
  if (job.runNow ?? true) void poll();
  return { poll, stop };
}
