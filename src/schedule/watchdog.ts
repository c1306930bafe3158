import { validateDetailed, type ScheduledTask } from 'node-cron';

const CHECK_MS = 30_000;
/** A planned run that has not started so long after its time is not going to. */
const OVERDUE_MS = 15_000;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/**
 * Calls `onMissed` with the number of planned runs that node-cron did not start. It loses runs: all of them for some
 * 65 minutes when a zone's clock is set back, for as long as the machine's clock is set back, and one where the
 * event loop is blocked for more than a second when it is due. Which minutes have a run planned in them it
 * answers right, so every minute gone by is asked for. `now` gives milliseconds since the epoch.
 */
export function watch(
  task: ScheduledTask,
  now: () => number,
  onMissed: (runs: number) => void,
): NodeJS.Timeout {
  const second = validateDetailed(task.getPattern()).fields?.second[0] ?? 0;
  let started = now();
  let next = minuteAfter(started);
  const noteStart = (): void => {
    started = now();
  };
  task.on('execution:started', noteStart);
  // Left out, but in time: the last run is still under way.
  task.on('execution:overlap', noteStart);

  return setInterval(() => {
    const latest = now() - OVERDUE_MS;
    if (now() < started) {
      noteStart();
      next = minuteAfter(started);
    }
    let runs = 0;
    for (next = Math.max(next, minuteAfter(latest - DAY)); next + second * 1000 <= latest; next += MINUTE) {
      const planned = next + second * 1000;
      if (planned > started && task.match(new Date(planned))) runs++;
    }
    if (runs === 0) return;
    noteStart();
    onMissed(runs);
  }, CHECK_MS);
}

function minuteAfter(time: number): number {
  return Math.floor(time / MINUTE) * MINUTE + MINUTE;
}
