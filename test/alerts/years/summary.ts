import type { Severity } from '../../../src/usage/catalogue.ts';
import { EVENT_KINDS, SIZES } from './events.ts';
import { quantile } from './quantile.ts';
import type { FoundEvent, Score } from './score.ts';
import type { DayKind } from './work-days.ts';

interface Target {
  readonly text: string;
  readonly met: boolean;
}

export interface Measure {
  readonly what: string;
  readonly value: string;
  /** Absent if there is none. */
  readonly target?: Target;
}

/**
 * What is reported of a detector: the same lines for each.
 * @param lag hours from the end of an hour until its data are in
 */
export function summarise(score: Score, lag = 0): Measure[] {
  const big = recall(score.events.filter((event) => event.big));
  const all = recall(score.events);
  const [pages, notices] = [falsePerWeek(score, 'page'), falsePerWeek(score, 'notice')];
  const delays = score.events.flatMap(({ delay }) => (delay === undefined ? [] : [delay]));
  const prompt = delays.filter((delay) => delay <= 1 + lag).length / delays.length;
  return [
    { what: 'Big events found', value: share(big), target: atLeast(big, 0.95) },
    { what: 'All events found', value: share(all), target: atLeast(all, 0.8) },
    ...EVENT_KINDS.map((kind) => line(`… ${kind}`, score, (event) => event.kind === kind)),
    ...SIZES.map((size) => line(`… adds ${size} the P95`, score, (event) => event.size === size)),
    {
      what: 'Big events found by a page',
      value: share(
        recall(
          score.events.filter(({ big }) => big),
          true,
        ),
      ),
    },
    { what: 'All events found by a page', value: share(recall(score.events, true)) },
    { what: 'False pages per 100 series and week', value: rate(pages), target: atMost(pages, 1) },
    { what: 'False notices per 100 series and week', value: rate(notices), target: atMost(notices, 3) },
    { what: '… of both on workdays', value: rate(falseOn(score, 'workday')) },
    { what: '… on weekends', value: rate(falseOn(score, 'weekend')) },
    { what: '… on holidays', value: rate(falseOn(score, 'holiday')), target: asOnWorkdays(score, 'holiday') },
    {
      what: '… on make-up workdays',
      value: rate(falseOn(score, 'make-up')),
      target: asOnWorkdays(score, 'make-up'),
    },
    { what: 'Delay, median', value: hours(delays, 0.5) },
    { what: '… of 90 in 100', value: hours(delays, 0.9) },
    { what: 'Found with the first hour or the next', value: share(prompt), target: atLeast(prompt, 0.9) },
    { what: 'Incidents per week, all series', value: rate(score.entries / score.weeks) },
    { what: '… in the four weeks of history', value: rate(score.early / score.years / 4) },
    ...(['level', 'start', 'team', 'model'] as const).map((kind) => launches(score, kind)),
  ];
}

const LAUNCHES = {
  level: 'more use of a series',
  start: 'a new series',
  team: 'a new team of 20 keys',
  model: 'a new model',
} as const;

function launches({ launches }: Score, kind: keyof typeof LAUNCHES): Measure {
  const entries = launches.filter((launch) => launch.kind === kind).map(({ entries }) => entries);
  const mean = entries.reduce((sum, value) => sum + value, 0) / entries.length;
  return {
    what: `Incidents for ${LAUNCHES[kind]}, mean and most`,
    value: `${rate(mean)}, ${Math.max(...entries)}`,
    ...(kind === 'level' && { target: { text: '<= 2', met: mean <= 2 } }),
  };
}

function line(what: string, { events }: Score, isOf: (event: FoundEvent) => boolean): Measure {
  const some = events.filter(isOf);
  return { what: `${what} (${some.length})`, value: share(recall(some)) };
}

function recall(events: readonly FoundEvent[], paged = false): number {
  return events.filter((event) => (paged ? event.paged : event.delay !== undefined)).length / events.length;
}

function falsePerWeek({ wrong, leafWeeks }: Score, severity: Severity): number {
  return (100 * wrong.filter((entry) => entry.severity === severity).length) / leafWeeks;
}

/** Per 100 series and week, as if all days of the week were of that kind. */
function falseOn({ wrong, leafDays }: Score, day: DayKind): number {
  const days = leafDays[day];
  return days === 0 ? 0 : (700 * wrong.filter((entry) => entry.day === day).length) / days;
}

/** Within two standard deviations of the count that as many workdays would have. */
function asOnWorkdays(score: Score, day: DayKind): Target {
  const series = score.leafDays[day] / 700;
  const usual = falseOn(score, 'workday') * series;
  return { text: 'as on workdays', met: falseOn(score, day) * series <= usual + 2 * Math.sqrt(usual) };
}

function share(value: number): string {
  return value.toFixed(3);
}

function rate(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(0);
}

function hours(delays: readonly number[], part: number): string {
  return delays.length === 0 ? 'none' : `${quantile(delays, part).toFixed(1)} h`;
}

function atLeast(value: number, target: number): Target {
  return { text: `>= ${target.toFixed(2)}`, met: value >= target };
}

function atMost(value: number, target: number): Target {
  return { text: `<= ${target}`, met: value <= target };
}
