import { createRequire } from 'node:module';
import { DAY, HOUR } from '../windows/units.ts';
import { zoneOffset } from '../windows/calendar.ts';

/** Working days and rest days, and the local day and hour of every hour. */

export interface WorkCalendar {
  /** A date such as `2026-10-01`. */
  isRestDay(date: string): boolean;
  /** False: there is no table of that year, so that its rest days are Saturdays and Sundays and the user's own. */
  knowsYear(year: number): boolean;
}

export interface WorkCalendarOptions {
  /** `cn`: public holidays and make-up working days of mainland China. `none`: Monday to Friday. */
  readonly country?: 'cn' | 'none';
  /** Dates that are rest days, whatever the table says. */
  readonly holidays?: readonly string[];
  /** Dates that are working days; they win over `holidays`. */
  readonly workdays?: readonly string[];
}

interface DayTable {
  readonly holidays: Readonly<Record<string, string>>;
  readonly workdays: Readonly<Record<string, string>>;
}

// The package's functions shift dates by a day in a process west of Greenwich (1.5.7); its table does not.
const tableOfChina = (): DayTable =>
  createRequire(import.meta.url)('chinese-days/dist/chinese-days.json') as DayTable;

export function createWorkCalendar(options: WorkCalendarOptions = {}): WorkCalendar {
  const { country = 'cn', holidays = [], workdays = [] } = options;
  const table = country === 'cn' ? tableOfChina() : { holidays: {}, workdays: {} };
  const rest = new Set([...Object.keys(table.holidays), ...holidays]);
  const work = new Set([
    ...Object.keys(table.workdays).filter((date) => !holidays.includes(date)),
    ...workdays,
  ]);
  const years = new Set(Object.keys(table.holidays).map((date) => Number(date.slice(0, 4))));
  return {
    isRestDay: (date) => !work.has(date) && (rest.has(date) || isWeekend(date)),
    knowsYear: (year) => country === 'none' || years.has(year),
  };
}

function isWeekend(date: string): boolean {
  return [0, 6].includes(new Date(`${date}T00:00:00Z`).getUTCDay());
}

/** Local time of a range of hours, computed once for all series. */
export interface HourTable {
  readonly zone: string;
  readonly start: number;
  readonly length: number;
  /** Hour of the local day, 0-23. */
  readonly hour: Uint8Array;
  /** Local day of each hour, counted from the first one. */
  readonly day: Uint16Array;
  /** Index of the first hour of each day. It is negative for the first day if the range begins within it. */
  readonly dayStart: Int32Array;
  readonly rest: Uint8Array;
  /** Date of each day. */
  readonly dates: readonly string[];
}

/** @param start Unix seconds, on a full hour */
export function hourTable(start: number, length: number, zone: string, calendar: WorkCalendar): HourTable {
  const hour = new Uint8Array(length);
  const day = new Uint16Array(length);
  const local = (index: number): number => start + index * HOUR + zoneOffset(start + index * HOUR, zone);
  const firstDay = Math.floor(local(0) / DAY);
  const days = Math.floor(local(length - 1) / DAY) - firstDay + 1;
  const dayStart = new Int32Array(days).fill(length);
  for (let index = 0; index < length; index++) {
    const time = local(index);
    const dayOf = Math.floor(time / DAY) - firstDay;
    hour[index] = Math.floor((time % DAY) / HOUR);
    day[index] = dayOf;
    if (index < dayStart[dayOf]!) dayStart[dayOf] = index;
  }
  dayStart[0] = -hour[0]!;
  const dates = Array.from(dayStart, (_, of) =>
    new Date((firstDay + of) * DAY * 1000).toISOString().slice(0, 10),
  );
  return {
    zone,
    start,
    length,
    hour,
    day,
    dayStart,
    rest: Uint8Array.from(dates, (date) => Number(calendar.isRestDay(date))),
    dates,
  };
}
