import { bucketStart, zoneOffset } from '../../windows/calendar.ts';
import { DAY, HOUR } from '../../windows/units.ts';
import type { Window } from '../../windows/window.ts';
import { BASELINE_DAYS, HISTORY_DAYS } from '../baseline.ts';

const WEEK_DAYS = 7;

/**
 * The hours that are judged together. They depend on the date alone and change once a week, so that a process that
 * starts in the middle of a week judges by the same hours as one that has run since its beginning.
 */
export function tableAt(now: number, zone: string): Window {
  const today = Math.floor((now + zoneOffset(now, zone)) / DAY);
  const weekDay = today % WEEK_DAYS;
  return {
    start: dayStart(now, -HISTORY_DAYS - weekDay, zone),
    end: dayStart(now, WEEK_DAYS - weekDay, zone),
  };
}

/** The hours of a table that are reported: the first days are what they are compared with. */
export function reportedFrom({ start }: Window): number {
  return start + BASELINE_DAYS * DAY;
}

/** Noon, so that an hour more or less in a day does not lead to another one. */
function dayStart(now: number, days: number, zone: string): number {
  return bucketStart(bucketStart(now, '1d', zone) + 12 * HOUR + days * DAY, '1d', zone);
}
