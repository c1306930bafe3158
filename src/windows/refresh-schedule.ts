/** Usage APIs count in minutes: ages closer together than this are of no use. */
const SHORTEST = 60;

/**
 * The ages at which a closed bucket is read again, in seconds after its close: at once, then doubling from about one
 * poll interval up to `lookback`, which is always the last.
 */
export function refreshAges(pollInterval: number, lookback: number): number[] {
  const ages: number[] = [];
  for (let age = lookback; age >= Math.max(pollInterval, SHORTEST); age = Math.floor(age / 2))
    ages.unshift(age);
  if (ages.length === 0 && lookback > 0) ages.push(lookback);
  return [0, ...ages];
}

/** Whether a bucket that closed at `end` and was last read at `readAt` is due for another read at `now`. */
export function isRefreshDue(end: number, readAt: number, now: number, ages: readonly number[]): boolean {
  const last = readAt - end;
  return ages.some((age) => age <= now - end && age > last);
}
