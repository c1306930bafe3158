import { createTask, validateDetailed } from 'node-cron';
import { isZone } from '../windows/calendar.ts';

/** Number of runs inspected for the interval: two days of an hourly schedule. */
const COMING_RUNS = 60;
/** Cache by zone and expression: the computation is slow and requested several times at start. */
const intervals = new Map<string, number>();
const FIELD_NAMES: Readonly<Record<string, string>> = {
  dayOfMonth: 'day of month',
  dayOfWeek: 'day of week',
};

/** A message for an invalid schedule; undefined if it is valid. */
export function validateSchedule(expression: string, zone: string): string | undefined {
  const { valid, errors } = validateDetailed(expression);
  if (!valid) {
    const problems = errors.map(({ field, value, message }) =>
      field === 'expression' ? message : `${FIELD_NAMES[field] ?? field} "${value}" is out of range`,
    );
    return `"${expression}" is not a cron expression: ${problems.join('; ')}. Every 5 minutes is "*/5 * * * *".`;
  }
  if (setsBothDays(expression)) {
    return `"${expression}" sets both day of month and day of week, which cron implementations treat differently. Leave one of them "*".`;
  }
  if (!isZone(zone)) return `"${zone}" is not a time zone. Write it like "UTC" or "Asia/Shanghai".`;
  try {
    comingRuns(expression, zone, 1);
  } catch {
    return `"${expression}" never runs.`;
  }
  return undefined;
}

/** The smallest interval between upcoming runs of a valid schedule, seconds. */
export function pollInterval(expression: string, zone: string): number {
  const key = `${zone} ${expression}`;
  const interval = intervals.get(key) ?? smallestInterval(expression, zone);
  intervals.set(key, interval);
  return interval;
}

function smallestInterval(expression: string, zone: string): number {
  const times = comingRuns(expression, zone, COMING_RUNS).map((run) => run.getTime() / 1000);
  return Math.min(...times.slice(1).map((time, i) => time - times[i]!));
}

function comingRuns(expression: string, zone: string, count: number): Date[] {
  const task = createTask(expression, () => {}, { timezone: zone });
  try {
    return task.getNextRuns(count);
  } finally {
    void task.destroy();
  }
}

function setsBothDays(expression: string): boolean {
  const fields = expression.trim().split(/\s+/);
  return (
    fields.length >= 5 && [fields.at(-3), fields.at(-1)].every((field) => field !== '*' && field !== '?')
  );
}
