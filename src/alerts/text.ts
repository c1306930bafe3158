import { wallTime } from '../windows/calendar.ts';
import { HOUR } from '../windows/units.ts';
import type { HourTable } from './calendar.ts';
import type { Spike } from './spikes.ts';
import type { HourlySeries } from './types.ts';

const UNITS = [
  ['G', 1e9],
  ['M', 1e6],
  ['k', 1e3],
] as const;

/** `4.1 M`: three digits are what people compare. */
export function amount(tokens: number): string {
  for (const [unit, size] of UNITS) {
    if (tokens >= size) return `${Number((tokens / size).toPrecision(3))} ${unit}`;
  }
  return String(Math.round(tokens));
}

/** `key ak-7f`, `account main`. */
export function nameOf({ scope, tags }: HourlySeries): string {
  return `${scope} ${tags[scope] ?? ''}`;
}

/** `2026-10-01 02:00-03:00`, of the hours that end with one. */
export function period({ start, zone }: HourTable, index: number, window: number): string {
  const end = start + (index + 1) * HOUR;
  return `${wallTime(end - window * HOUR, zone)}-${wallTime(end, zone).slice(-5)}`;
}

export function spikeText(
  series: HourlySeries,
  spike: Spike,
  hours: HourTable,
  index: number,
  callers: readonly string[],
): string {
  const day = hours.rest[hours.day[index]!] === 1 ? 'rest day' : 'working day';
  const span = spike.window === 1 ? 'this hour' : `these ${spike.window} hours`;
  const who = callers.length > 0 ? `; most of it by ${callers.join(', ')}` : '';
  return (
    `${nameOf(series)}: ${amount(spike.value)} tokens ${period(hours, index, spike.window)}, ` +
    `usual ${amount(spike.expected)} at ${span} of a ${day}; limit ${amount(spike.limit)}${who}`
  );
}
