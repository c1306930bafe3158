import { wallTime } from '../windows/calendar.ts';
import { HOUR } from '../windows/units.ts';
import type { HourTable } from './calendar.ts';
import type { Spike } from './spikes.ts';
import type { HourlySeries } from './types.ts';

/** `4.1 M`: three digits are what people compare. */
export function amount(tokens: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (Math.abs(tokens) >= size) return `${Number((tokens / size).toPrecision(3))} ${unit}`;
  }
  return String(Math.round(tokens));
}

/** `key ak-7f`, `account main`. */
export function nameOf({ scope, tags }: HourlySeries): string {
  return `${scope} ${tags[scope] ?? ''}`;
}

export function spikeText(series: HourlySeries, spike: Spike, hours: HourTable, index: number): string {
  const end = hours.start + (index + 1) * HOUR;
  const from = wallTime(end - spike.window * HOUR, hours.zone);
  const until = wallTime(end, hours.zone).slice(-5);
  const day = hours.rest[hours.day[index]!] === 1 ? 'rest day' : 'working day';
  const span = spike.window === 1 ? 'this hour' : `these ${spike.window} hours`;
  return (
    `${nameOf(series)}: ${amount(spike.value)} tokens ${from}-${until}, ` +
    `usual ${amount(spike.expected)} at ${span} of a ${day}; limit ${amount(spike.limit)}`
  );
}
