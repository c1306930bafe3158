import { zoneOffset } from '../windows/calendar.ts';

const INSTANT = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * Parses `2026-10-01`, `2026-10-01T08:00` or `2026-10-01T08:00:00+08:00` to Unix seconds; without an offset, as wall
 * clock time of `zone`. Undefined for anything else, including days that do not exist.
 */
export function parseInstant(text: string, zone: string): number | undefined {
  const match = INSTANT.exec(text);
  if (!match) return undefined;
  const [, date = '', time = '00:00', offset] = match;
  const midnight = new Date(`${date}T00:00Z`);
  if (Number.isNaN(midnight.getTime()) || midnight.toISOString().slice(0, 10) !== date) return undefined;
  const milliseconds = Date.parse(`${date}T${time}${offset ?? 'Z'}`);
  if (Number.isNaN(milliseconds)) return undefined;
  const seconds = milliseconds / 1000;
  if (offset !== undefined) return seconds;
  return seconds - zoneOffset(seconds - zoneOffset(seconds, zone), zone);
}
