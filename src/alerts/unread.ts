import type { Window } from '../windows/window.ts';

/** A shorter silence is no usage. */
const SHORTEST = 6;
/** An account with usage in this share of its hours is not silent for long. */
const BUSY = 0.9;

/**
 * The hours of an account that nobody read, as index ranges: those before its first and after its last point, and a long
 * silence of an account that otherwise has usage at nearly any hour. The store does not hold which hours were read.
 * @param seen 1 where the hour has a point of any series
 */
export function unreadHours(seen: Uint8Array): Window[] {
  const silences = silencesIn(seen);
  const isEdge = ({ start, end }: Window): boolean => start === 0 || end === seen.length;
  const edges = lengthOf(silences.filter(isEdge));
  const known = seen.length - edges;
  const silent = lengthOf(silences) - edges;
  return silences.filter((silence) => {
    if (isEdge(silence)) return true;
    const length = lengthOf([silence]);
    return length >= SHORTEST && silent - length <= (1 - BUSY) * (known - length);
  });
}

function silencesIn(seen: Uint8Array): Window[] {
  const silences: Window[] = [];
  let start = 0;
  for (let hour = 0; hour <= seen.length; hour++) {
    if (hour < seen.length && seen[hour] === 0) continue;
    if (hour > start) silences.push({ start, end: hour });
    start = hour + 1;
  }
  return silences;
}

function lengthOf(ranges: readonly Window[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}
