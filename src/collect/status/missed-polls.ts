/** A job that has missed this many polls is not alive. */
export const MISSED_POLLS_LIMIT = 3;

/**
 * How many scheduled polls have passed without one that ended, whatever its result.
 * @param lastPoll end of the last poll, or the start of the process, Unix seconds
 * @param interval seconds between polls
 */
export function missedPolls(lastPoll: number, interval: number, now: number): number {
  return Math.max(0, Math.floor((now - lastPoll) / interval));
}
