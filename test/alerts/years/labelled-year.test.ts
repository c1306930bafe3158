import { createHash } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import type { HourlySeries } from '../../../src/alerts/types.ts';
import { DAY, HOUR } from '../../../src/windows/units.ts';
import { activeP95 } from './quantile.ts';
import { labelledYear } from './labelled-year.ts';
import { isWorked, yearHours, type DayKind } from './work-days.ts';

const YEAR = labelledYear(1);
const FIELDS = ['tokens', 'requests', 'input', 'output', 'cached'] as const;
const seriesOf = new Map(YEAR.leaves.map((leaf, i) => [leaf, YEAR.series[i]!]));

describe('a labelled year', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(digest(labelledYear(1).series)).toBe(digest(YEAR.series));
    expect(digest(labelledYear(2).series)).not.toBe(digest(YEAR.series));
  });

  it('has 70 to 100 leaves, some 280 events, and launches', () => {
    const { leaves, events, launches, series } = YEAR;

    expect(leaves.length).toBeGreaterThanOrEqual(70);
    expect(leaves.length).toBeLessThanOrEqual(100);
    expect(events.length).toBeGreaterThan(230);
    expect(events.length).toBeLessThan(330);
    expect(launches.filter(({ kind }) => kind === 'level').length).toBeGreaterThan(8);
    expect(launches.filter(({ kind }) => kind === 'team')).toHaveLength(1);
    expect(new Set(series.map(({ tags }) => JSON.stringify(tags))).size).toBe(series.length);
  });

  it.each(['sigcal', 'volcengine-ark', 'trae'])(
    'has totals that equal the sums of the leaves, for each field of %s',
    (provider) => {
      const ofProvider = YEAR.series.filter(({ tags }) => tags.provider === provider);
      const leaves = ofProvider.filter(({ scope }) => ['key', 'user', 'endpoint'].includes(scope));
      const of = (scope: string): HourlySeries[] => ofProvider.filter((series) => series.scope === scope);

      for (const field of FIELDS) {
        const expected = sum(leaves, field);
        expect(sum(of('account'), field)).toEqual(expected);
        expect(sum(of('model'), field)).toEqual(expected);
        if (provider === 'trae') expect(sum(of('team'), field)).toEqual(expected);
      }
    },
  );

  it('has whole numbers of tokens, of which input and output are the parts', () => {
    for (const { tokens, input, output, cached } of YEAR.series.filter(({ scope }) => scope === 'key')) {
      const wrong = tokens.findIndex(
        (value, i) =>
          !Number.isNaN(value) &&
          !(Number.isInteger(value) && value === input![i]! + output![i]! && cached![i]! <= input![i]!),
      );
      expect(wrong).toBe(-1);
    }
  });

  it('has the extra tokens of each event in the hours of its label, which were read', () => {
    for (const { leaf, first, extra, start, end, tokens } of YEAR.events) {
      const series = seriesOf.get(leaf)!;
      expect((start - series.start) / HOUR).toBe(first);
      expect((end - start) / HOUR).toBe(extra.length);
      const added = extra.map((_, i) => series.tokens[first + i]! - Math.round(leaf.tokens[first + i]!));
      expect(added).toEqual(extra);
      expect(extra.reduce((a, b) => a + b)).toBe(tokens);
    }
  });

  it('has no extra tokens outside of the events', () => {
    for (const [leaf, series] of seriesOf) {
      const without = series.tokens.slice();
      for (const { first, extra } of YEAR.events.filter((event) => event.leaf === leaf))
        for (const [i, more] of extra.entries()) without[first + i]! -= more;
      const differs = without.findIndex(
        (value, i) => !Number.isNaN(value) && value !== Math.round(leaf.tokens[i]!),
      );
      expect(differs).toBe(-1);
    }
  });

  it('has events of the size that the label says', () => {
    for (const { leaf, first, extra, size, big } of YEAR.events) {
      const p95 = activeP95(leaf.tokens, first - 28 * 24, first);
      const later = extra.length > 1 ? extra.slice(1) : extra;
      const ratio = later.reduce((a, b) => a + b) / later.length / p95;
      // A first hour that is only a part shifts the mean a little.
      if (size === '>= 5x') expect(ratio).toBeGreaterThan(4);
      if (size === '2-5x') expect(ratio).toBeGreaterThan(1.3);
      if (size === '1-2x' || size === '< 1x') expect(ratio).toBeLessThan(3);
      if (big) expect(Math.max(...extra)).toBeGreaterThanOrEqual(Math.max(200_000, 2 * p95));
    }
  });

  it('has events at a distance from each other and after launches of the same leaf', () => {
    for (const event of YEAR.events) {
      const others = YEAR.events.filter(({ leaf }) => leaf === event.leaf);
      for (const other of others)
        if (other !== event && other.start >= event.start)
          expect(other.start - event.end).toBeGreaterThanOrEqual(4 * DAY);
      for (const { tags, start } of YEAR.launches)
        if (tags === event.tags) expect(event.start < start || event.start >= start + 15 * DAY).toBe(true);
    }
  });

  it('has series that were not read for a week, all series of the account alike', () => {
    const unread = YEAR.series.map(({ tags, tokens }) => ({
      provider: tags.provider,
      hours: tokens.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0),
    }));

    expect(Math.min(...unread.map(({ hours }) => hours))).toBeGreaterThanOrEqual(7 * 24);
    expect(new Set(unread.map(({ provider, hours }) => `${provider} ${hours}`)).size).toBe(3);
  });

  it('has office hours that follow holidays and make-up workdays', () => {
    const { hours, leaves } = YEAR;
    const office = leaves.filter(({ shape, from }) => shape === 'office' && from === 0);
    const perDay = (kind: DayKind): number => {
      const days = hours.days.filter((day) => day.kind === kind).length;
      const total = hours.dayOf.reduce(
        (sum, day, i) =>
          hours.days[day]!.kind === kind
            ? sum + office.reduce((all, { tokens }) => all + tokens[i]!, 0)
            : sum,
        0,
      );
      return total / days;
    };

    expect(perDay('holiday')).toBeLessThan(0.05 * perDay('workday'));
    expect(perDay('make-up')).toBeGreaterThan(0.5 * perDay('workday'));
  });
});

test('a year of a zone with summer time has a day of 23 hours and one of 25', () => {
  const { dayOf, hourOfDay, days } = yearHours('Europe/Berlin', 2025);
  const lengths = days.map((_, day) => dayOf.filter((each) => each === day).length);

  expect(lengths.filter((length) => length === 23)).toHaveLength(1);
  expect(lengths.filter((length) => length === 25)).toHaveLength(1);
  expect(days[lengths.indexOf(23)]!.date).toBe('2025-03-30');
  expect(days[lengths.indexOf(25)]!.date).toBe('2025-10-26');
  expect(hourOfDay[0]).toBe(0);
  expect(hourOfDay.at(-1)).toBe(23);
});

test.each([
  [2025, 28, 5, '2025-01-26'],
  [2026, 33, 6, '2026-02-14'],
])('%i has %i holidays and %i make-up workdays in China', (year, holidays, makeUp, worked) => {
  const { days } = yearHours('Asia/Shanghai', year);

  expect(days.filter(({ kind }) => kind === 'holiday')).toHaveLength(holidays);
  expect(days.filter(({ kind }) => kind === 'make-up')).toHaveLength(makeUp);
  expect(isWorked(days.find(({ date }) => date === worked)!)).toBe(true);
});

function digest(series: readonly HourlySeries[]): string {
  const hash = createHash('sha256');
  for (const { tags, ...fields } of series) {
    hash.update(JSON.stringify(tags));
    for (const field of FIELDS) if (fields[field]) hash.update(fields[field]);
  }
  return hash.digest('hex');
}

function sum(series: readonly HourlySeries[], field: (typeof FIELDS)[number]): Float64Array {
  const total = new Float64Array(YEAR.hours.dayOf.length);
  for (const each of series) for (let i = 0; i < total.length; i++) total[i]! += each[field]?.[i] ?? 0;
  return total;
}
