import { bucketEnd, bucketStart, wallTime, zoneOffset } from '../../../src/windows/calendar.ts';
import { HOUR } from '../../../src/windows/units.ts';

/** Days on which people of a country do not work, or do although it is a weekend: dates as `2026-01-31`. */
export interface DayTable {
  readonly holidays: readonly string[];
  readonly workdays: readonly string[];
}

export type DayKind = 'workday' | 'weekend' | 'holiday' | 'make-up';

export interface CalendarDay {
  readonly date: string;
  readonly kind: DayKind;
  /** 0: Sunday. */
  readonly weekday: number;
  /** The last of its month. */
  readonly monthEnd: boolean;
  /** At most two workdays before a week without one: people leave early for the Spring Festival. */
  readonly beforeFestival: boolean;
}

/** The hours of a year in a zone, from its first midnight to its last. */
export interface YearHours {
  readonly zone: string;
  readonly start: number;
  readonly end: number;
  /** Index i is the hour that starts at `start + i * 3600`: hour of the wall clock, and index of its day. */
  readonly hourOfDay: Uint8Array;
  readonly dayOf: Uint16Array;
  readonly days: readonly CalendarDay[];
}

/** As published by the State Council (2025, 2026), and the nationwide holidays of Germany. */
const TABLES: Readonly<Record<string, Readonly<Record<number, DayTable>>>> = {
  'Asia/Shanghai': {
    2025: {
      holidays: [
        ...run('2025-01-01', 1),
        ...run('2025-01-28', 8),
        ...run('2025-04-04', 3),
        ...run('2025-05-01', 5),
        ...run('2025-05-31', 3),
        ...run('2025-10-01', 8),
      ],
      workdays: ['2025-01-26', '2025-02-08', '2025-04-27', '2025-09-28', '2025-10-11'],
    },
    2026: {
      holidays: [
        ...run('2026-01-01', 3),
        ...run('2026-02-15', 9),
        ...run('2026-04-04', 3),
        ...run('2026-05-01', 5),
        ...run('2026-06-19', 3),
        ...run('2026-09-25', 3),
        ...run('2026-10-01', 7),
      ],
      workdays: ['2026-01-04', '2026-02-14', '2026-02-28', '2026-05-09', '2026-09-20', '2026-10-10'],
    },
  },
  'Europe/Berlin': {
    2025: {
      holidays: [
        '2025-01-01',
        '2025-04-18',
        '2025-04-21',
        '2025-05-01',
        '2025-05-29',
        '2025-06-09',
        '2025-10-03',
        '2025-12-25',
        '2025-12-26',
      ],
      workdays: [],
    },
    2026: {
      holidays: [
        '2026-01-01',
        '2026-04-03',
        '2026-04-06',
        '2026-05-01',
        '2026-05-14',
        '2026-05-25',
        '2026-10-03',
        '2026-12-25',
        '2026-12-26',
      ],
      workdays: [],
    },
  },
};

/** @throws RangeError for a zone or year without a table */
export function dayTable(zone: string, year: number): DayTable {
  const table = TABLES[zone]?.[year];
  if (!table) throw new RangeError(`no table of holidays: ${zone} ${year}`);
  return table;
}

export function yearHours(zone: string, year: number): YearHours {
  const start = bucketStart(Date.UTC(year, 0, 1, 12) / 1000, '1d', zone);
  const end = bucketStart(Date.UTC(year + 1, 0, 1, 12) / 1000, '1d', zone);
  const length = (end - start) / HOUR;
  const hourOfDay = new Uint8Array(length);
  const dayOf = new Uint16Array(length);
  const dates: string[] = [];
  for (let midnight = start; midnight < end; midnight = bucketEnd(midnight, '1d', zone)) {
    const next = bucketEnd(midnight, '1d', zone);
    for (let time = midnight; time < next; time += HOUR) {
      const i = (time - start) / HOUR;
      hourOfDay[i] = ((time + zoneOffset(time, zone)) / HOUR) % 24;
      dayOf[i] = dates.length;
    }
    dates.push(wallTime(midnight, zone).slice(0, 10));
  }
  return { zone, start, end, hourOfDay, dayOf, days: calendarDays(dates, dayTable(zone, year)) };
}

/** Whether people work on it. */
export function isWorked({ kind }: CalendarDay): boolean {
  return kind === 'workday' || kind === 'make-up';
}

function calendarDays(dates: readonly string[], table: DayTable): CalendarDay[] {
  const kinds = dates.map((date) => kindOf(date, table));
  return dates.map((date, i) => ({
    date,
    kind: kinds[i]!,
    weekday: weekdayOf(date),
    monthEnd: dates[i + 1]?.slice(0, 7) !== date.slice(0, 7),
    beforeFestival: [i + 1, i + 2].some((next) => {
      const week = kinds.slice(next, next + 7);
      return week.length === 7 && week.every((kind) => kind === 'holiday');
    }),
  }));
}

function kindOf(date: string, { holidays, workdays }: DayTable): DayKind {
  if (holidays.includes(date)) return 'holiday';
  if (workdays.includes(date)) return 'make-up';
  return weekdayOf(date) % 6 === 0 ? 'weekend' : 'workday';
}

function weekdayOf(date: string): number {
  return new Date(`${date}T00:00:00Z`).getUTCDay();
}

/** Consecutive dates. */
function run(first: string, days: number): string[] {
  const start = Date.parse(`${first}T00:00:00Z`);
  return Array.from({ length: days }, (_, i) => new Date(start + i * 86_400_000).toISOString().slice(0, 10));
}
