import type { Severity } from '../usage/catalogue.ts';
import { zoneOffset } from '../windows/calendar.ts';
import { DAY, MINUTE } from '../windows/units.ts';
import type { Message } from './message.ts';

/** What a channel takes, and when. */
export interface Route {
  readonly severities: readonly Severity[];
  /** Absent: all, also what has no team. */
  readonly teams?: readonly string[] | undefined;
  readonly quiet_hours?: QuietHours | undefined;
}

export interface QuietHours {
  /** Minutes after midnight. If `from` is later than `to`, they span midnight. */
  readonly from: number;
  readonly to: number;
  readonly zone: string;
  readonly severities: readonly Severity[];
}

/** Whether the channel takes the message at all. */
export function accepts({ severities, teams }: Route, { severity, tags }: Message): boolean {
  return severities.includes(severity) && (teams === undefined || teams.includes(tags['team'] ?? ''));
}

/** The end of the quiet hours that hold back the message, Unix seconds; undefined if it may be sent at `time`. */
export function quietUntil({ quiet_hours }: Route, { severity }: Message, time: number): number | undefined {
  if (!quiet_hours?.severities.includes(severity)) return undefined;
  const { from, to, zone } = quiet_hours;
  const wall = time + zoneOffset(time, zone);
  const midnight = wall - (((wall % DAY) + DAY) % DAY);
  const minute = (wall - midnight) / MINUTE;
  const isQuiet = from < to ? minute >= from && minute < to : minute >= from || minute < to;
  if (!isQuiet) return undefined;
  const end = midnight + to * MINUTE + (minute < to ? 0 : DAY);
  return end - zoneOffset(end - zoneOffset(time, zone), zone);
}
