import { between, type Random } from '../../../src/simulator/random.ts';
import { logUniform, noise, uniform } from './random.ts';
import { isWorked, type CalendarDay, type YearHours } from './work-days.ts';

export const SHAPES = ['office', 'service', 'nightly', 'weekly', 'month-end', 'sparse'] as const;
export type Shape = (typeof SHAPES)[number];

/** Tokens of each hour of a year, before growth and launches. */
export type Usage = (year: YearHours, random: Random) => Float64Array;

export const USAGE_OF: Readonly<Record<Shape, Usage>> = {
  office: officeUsage,
  service: serviceUsage,
  nightly: batchUsage((random) => {
    const workdaysOnly = random() < 0.4;
    return (day) => (workdaysOnly && !isWorked(day) ? 0 : 1);
  }),
  weekly: batchUsage((random) => {
    const weekday = between(random, 0, 6);
    return (day) => (day.weekday === weekday ? 1 : 0);
  }),
  'month-end': batchUsage(() => (day) => (day.monthEnd ? 3 : 1), [3, 5]),
  sparse: sparseUsage,
};

/** Someone at work: own hours, lunch, meetings, days off, an evening or a weekend now and then. */
function officeUsage(year: YearHours, random: Random): Float64Array {
  const level = logUniform(random, 25_000, 1_500_000);
  const scatter = uniform(random, 0.25, 0.6);
  const [first, last] = [between(random, 8, 10), between(random, 17, 19)];
  const idle = uniform(random, 0.05, 0.25);
  const restDays = random() < 0.3 ? uniform(random, 0.05, 0.15) : 0;
  const leave = daysOnLeave(year, random);

  return byDay(year, (day, index) => {
    const works = isWorked(day) ? !leave.has(index) && random() > 0.04 : random() < restDays;
    if (!works) return () => 0;
    const shift = isWorked(day) ? 0 : between(random, 0, 4);
    const evening = random() < 0.25 ? last + between(random, 2, 3) : last;
    const mood = noise(random, 0.2) * (day.beforeFestival ? 0.6 : 1) * (isWorked(day) ? 1 : 0.5);
    const end = isWorked(day) ? evening : first + shift + between(random, 2, 4);
    return (hour) => {
      if (hour < first + shift || hour > end || random() < idle) return 0;
      return level * mood * officeCurve(hour, first, last) * noise(random, scatter);
    };
  });
}

function officeCurve(hour: number, first: number, last: number): number {
  if (hour === first) return 0.6;
  if (hour === 12) return 0.3;
  return hour > last ? 0.5 : 1;
}

/** Software around the clock: a day-night curve, other weekends, quiet holidays. */
function serviceUsage(year: YearHours, random: Random): Float64Array {
  const level = logUniform(random, 25_000, 1_500_000);
  const scatter = uniform(random, 0.25, 0.6);
  const swing = uniform(random, 0.1, 0.7);
  const weekend = uniform(random, 0.6, 1.1);
  const holiday = uniform(random, 0.5, 1);

  return byDay(year, (day) => {
    const factor = { workday: 1, 'make-up': 1, weekend, holiday }[day.kind] * noise(random, 0.2);
    return (hour) =>
      level * factor * (1 + swing * Math.cos(((hour - 15) / 12) * Math.PI)) * noise(random, scatter);
  });
}

/** A job at a fixed hour; sometimes an hour late, sometimes not at all. `planOf` says how much runs on a day. */
function batchUsage(
  planOf: (random: Random) => (day: CalendarDay) => number,
  length: readonly [number, number] = [1, 3],
): Usage {
  return (year, random) => {
    const level = logUniform(random, 100_000, 3_000_000);
    const scatter = uniform(random, 0.15, 0.35);
    const start = between(random, 0, 5);
    const hours = between(random, ...length);
    const plan = planOf(random);

    return byDay(year, (day) => {
      const size = level * plan(day) * noise(random, 0.2) * (random() < 0.02 ? 0 : 1);
      const first = start + (random() < 0.03 ? 1 : 0);
      return (hour) => (hour >= first && hour < first + hours ? size * noise(random, scatter) : 0);
    });
  };
}

/** A session of some hours, on one workday in five to twenty. */
function sparseUsage(year: YearHours, random: Random): Float64Array {
  const level = logUniform(random, 25_000, 600_000);
  const share = uniform(random, 0.05, 0.2);

  return byDay(year, (day) => {
    if (!isWorked(day) || random() > share) return () => 0;
    const [first, length] = [between(random, 9, 17), between(random, 1, 4)];
    return (hour) => (hour >= first && hour < first + length ? level * noise(random, 0.6) : 0);
  });
}

/** Two weeks of leave, at any time of the year. */
function daysOnLeave({ days }: YearHours, random: Random): ReadonlySet<number> {
  const weeks = [between(random, 0, days.length - 7), between(random, 0, days.length - 7)];
  return new Set(weeks.flatMap((first) => Array.from({ length: 7 }, (_, i) => first + i)));
}

/** Fills the year day by day. */
function byDay(
  { days, dayOf, hourOfDay }: YearHours,
  planDay: (day: CalendarDay, index: number) => (hour: number) => number,
): Float64Array {
  const tokens = new Float64Array(dayOf.length);
  let index = -1;
  let plan = (_hour: number): number => 0;
  for (let i = 0; i < tokens.length; i++) {
    if (dayOf[i] !== index) {
      index = dayOf[i]!;
      plan = planDay(days[index]!, index);
    }
    tokens[i] = plan(hourOfDay[i]!);
  }
  return tokens;
}
