import { HOUR } from '../windows/units.ts';
import { hourTable, type WorkCalendar } from './calendar.ts';
import { createIncidents, entryOf } from './incidents.ts';
import { createJudge } from './judge.ts';
import type { Rules } from './rules.ts';
import type { HourlySeries, ReplayEntry } from './types.ts';

export interface ReplayInput {
  readonly series: readonly HourlySeries[];
  /** Incidents that begin in [from, to) are returned. Unix seconds. */
  readonly from: number;
  readonly to: number;
  readonly zone: string;
  readonly rules: Rules;
  readonly calendar: WorkCalendar;
}

/** What would have fired: every hour in order, judged by what is before it as if it had just closed. */
export function replay({ series, from, to, zone, rules, calendar }: ReplayInput): ReplayEntry[] {
  if (series.length === 0) return [];
  const start = Math.min(...series.map((one) => one.start));
  const end = Math.max(...series.map((one) => one.start + one.tokens.length * HOUR));
  const hours = hourTable(start, Math.max(0, Math.min(end, to) - start) / HOUR, zone, calendar);
  const judge = createJudge(
    series.map((one) => aligned(one, hours)),
    hours,
    rules,
  );
  const incidents = createIncidents();
  for (let index = 0; index < hours.length; index++) incidents.add(index, judge.closeHour(index));
  return incidents.all.filter((incident) => incident.start >= from && incident.start < to).map(entryOf);
}

/** The series with the hours of the table; hours that it does not have were not read. */
function aligned(series: HourlySeries, { start, length }: { start: number; length: number }): HourlySeries {
  if (series.start === start && series.tokens.length === length) return series;
  const offset = (series.start - start) / HOUR;
  const shift = (values: Float64Array): Float64Array => {
    const result = new Float64Array(length).fill(Number.NaN);
    result.set(values.subarray(0, Math.max(0, length - offset)), offset);
    return result;
  };
  const optional = Object.fromEntries(
    (['requests', 'input', 'output', 'cached'] as const).flatMap((field) =>
      series[field] ? [[field, shift(series[field])]] : [],
    ),
  );
  return { ...series, start, tokens: shift(series.tokens), ...optional };
}
