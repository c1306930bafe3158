import { parseDuration } from '../config/duration.ts';
import { ConfigError } from '../config/errors.ts';
import { parseInstant } from '../config/instant.ts';
import { EARLIEST, EARLIEST_DATE } from '../config/range.ts';

/** Parses a time option to Unix seconds. @param now milliseconds since the epoch @throws ConfigError */
export function parseTime(text: string, option: string, zone: string, now: number): number {
  const back = parseDuration(text);
  const time = back === undefined ? parseInstant(text, zone) : Math.floor(now / 1000) - back;
  if (time !== undefined && time >= EARLIEST) return time;
  if (time !== undefined) {
    throw new ConfigError([
      { message: `${option}: must not be before ${EARLIEST_DATE}`, hint: 'write a later time' },
    ]);
  }
  throw new ConfigError([
    {
      message: `${option}: "${text}" is not a time`,
      hint: 'write 2026-10-01, 2026-10-01T08:00:00+08:00, or an age: 30d',
    },
  ]);
}
