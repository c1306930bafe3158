import { setMaxListeners } from 'node:events';
import { createTask, validateDetailed, type ScheduledTask } from 'node-cron';
import { DAY, MINUTE } from '../windows/units.ts';
import { validateSchedule } from './expression.ts';

export interface ScheduledJob {
  readonly name: string;
  /** Cron expression, in the wall clock of `zone`. */
  readonly expression: string;
  readonly zone: string;
  /** Upper limit of the random delay of a scheduled poll, milliseconds. */
  readonly jitterMs: number;
  /** Polls immediately, before the first scheduled run; true by default. */
  readonly runNow?: boolean;
}

export type ScheduleEvent =
  /** A run was due while the previous one was running, and was skipped. */
  | { readonly type: 'overlap'; readonly job: string }
  /** Scheduled runs did not start in time; one poll now replaces them. */
  | { readonly type: 'missed'; readonly job: string; readonly runs: number }
  /** A poll threw an error that it did not handle. */
  | { readonly type: 'failed'; readonly job: string; readonly error: unknown };

export interface ScheduleDeps {
  readonly onEvent: (event: ScheduleEvent) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
}

export interface Schedule {
  /** Polls now, unless a poll is running. */
  poll(): Promise<void>;
  /**
   * Starts no further polls and waits for the running one, whose signal fires shortly before the limit.
   * Resolves to whether it ended in time.
   */
  stop(timeoutMs?: number): Promise<boolean>;
}

const TICK_MS = 1000;
/** A run that is detected later than this after its time was missed. */
const LATE_MS = 15_000;
const MINUTE_MS = MINUTE * 1000;
const DAY_MS = DAY * 1000;
const STOP_MS = 10_000;
/** The running poll is aborted this long before the limit of `stop`. */
const LAST_CALL_MS = 2_000;

/**
 * Polls on a cron schedule, one poll at a time. node-cron only tells whether a time matches the expression; the timer
 * is ours, because node-cron's own loses runs when clocks change or the event loop is blocked.
 * @throws RangeError for a schedule that `validateSchedule` refuses.
 */
export function schedule(
  job: ScheduledJob,
  run: (signal: AbortSignal) => Promise<void>,
  { onEvent, now, random }: ScheduleDeps,
): Schedule {
  const problem = validateSchedule(job.expression, job.zone);
  if (problem) throw new RangeError(`job ${job.name}: ${problem}`);

  const runs = dueRuns(job, now());
  let polling: { readonly done: Promise<void>; readonly controller: AbortController } | undefined;
  let delayed: NodeJS.Timeout | undefined;
  let stopped = false;

  async function poll(): Promise<void> {
    if (stopped) return;
    if (polling) return onEvent({ type: 'overlap', job: job.name });
    const controller = new AbortController();
    // Every call of the poll adds a listener.
    setMaxListeners(0, controller.signal);
    polling = { controller, done: runSafely(controller.signal) };
    await polling.done;
    polling = undefined;
  }

  async function runSafely(signal: AbortSignal): Promise<void> {
    try {
      await run(signal);
    } catch (error) {
      onEvent({ type: 'failed', job: job.name, error });
    }
  }

  function tick(): void {
    const due = runs(now());
    if (due.late > 0) {
      onEvent({ type: 'missed', job: job.name, runs: due.late });
      return void poll();
    }
    if (due.onTime === 0) return;
    clearTimeout(delayed);
    if (job.jitterMs === 0) return void poll();
    delayed = setTimeout(() => void poll(), random() * job.jitterMs);
  }

  async function stop(timeoutMs = STOP_MS): Promise<boolean> {
    stopped = true;
    clearInterval(timer);
    clearTimeout(delayed);
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
    for (const each of timers) clearTimeout(each);
    return ended;
  }

  const timer = setInterval(tick, TICK_MS);
  if (job.runNow ?? true) void poll();
  return { poll, stop };
}

interface DueRuns {
  /** Runs since the last call that are at most `LATE_MS` old, and older ones. */
  readonly onTime: number;
  readonly late: number;
}

/** Counts the runs that came due between two calls, at most one day back. */
function dueRuns({ expression, zone }: ScheduledJob, start: number): (now: number) => DueRuns {
  const { second: seconds = [0] } = validateDetailed(expression).fields ?? {};
  const task = createTask(expression, () => {}, { timezone: zone });
  void task.destroy();
  let checked = start;
  return (now) => {
    // The clock moved backwards: runs are due again from here on.
    const since = now < checked ? now : Math.max(checked, now - DAY_MS);
    checked = now;
    const due = timesBetween(task, seconds, since, now);
    const late = due.filter((time) => time < now - LATE_MS).length;
    return { late, onTime: due.length - late };
  };
}

/** Matching times in `(since, until]`, milliseconds since the epoch. */
function timesBetween(
  task: ScheduledTask,
  seconds: readonly number[],
  since: number,
  until: number,
): number[] {
  const times: number[] = [];
  for (let minute = since - (since % MINUTE_MS); minute <= until; minute += MINUTE_MS) {
    for (const second of seconds) {
      const time = minute + second * 1000;
      if (time > since && time <= until && task.match(new Date(time))) times.push(time);
    }
  }
  return times;
}
