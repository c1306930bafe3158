import { addCounts, type Count } from '../usage/count.ts';
import type { Field, Fields, Point, Tag, Tags } from '../usage/point.ts';
import { seriesKey } from '../usage/series.ts';
import { bucketEnd, bucketStart, zoneOffset } from '../windows/calendar.ts';
import type { SeriesQuery, SeriesRow, SeriesStep, Step, TagFilter } from './series-query.ts';
import { StoreError } from './store.ts';
import { DAY } from '../windows/units.ts';

/** 1970-01-05, the first Monday. */
const MONDAY = 4;

/** The start of the step that holds `time`, Unix seconds. */
export function stepStart(time: number, step: Step, zone: string): number {
  if (step === 'hour') return bucketStart(time, '1h', zone);
  const day = bucketStart(time, '1d', zone);
  if (step === 'day') return day;
  const date = Math.floor((day + zoneOffset(day, zone)) / DAY);
  const first = step === 'week' ? date - modulo(date - MONDAY, 7) : firstOfMonth(date);
  return first === date ? day : startOfDate(first, zone);
}

/** The end of the step that holds `time`, which is the start of the next one. */
export function stepEnd(time: number, step: Step, zone: string): number {
  if (step === 'hour') return bucketEnd(time, '1h', zone);
  const start = stepStart(time, step, zone);
  let end = bucketEnd(Math.max(start, time), '1d', zone);
  while (stepStart(end, step, zone) <= start) end = bucketEnd(end, '1d', zone);
  return end;
}

/** A function that tells whether a series passes all filters. */
export function matcherOf(filters: readonly TagFilter[] = []): (tags: Tags) => boolean {
  const sets = filters.map(({ tag, values, negate = false }) => ({ tag, negate, values: new Set(values) }));
  return (tags) => sets.every(({ tag, negate, values }) => values.has(tags[tag] ?? '') !== negate);
}

/** Sums points, or partial sums of a step, to the rows of a query. */
export interface SeriesBuilder {
  /** Adds values at a time of the range. Filters are the caller's. @throws StoreError for a sum above 2^63-1 */
  add(time: number, tags: Tags, fields: Fields): void;
  /** Ranked by `top`, the rest last; without `top` in the order of tag values. */
  rows(): SeriesRow[];
}

type Sum = Partial<Record<Field, Count>>;

interface Group {
  readonly tags: Tags;
  readonly steps: Map<number, Sum>;
}

export function createSeriesBuilder({
  step,
  zone,
  by,
  top,
}: Pick<SeriesQuery, 'step' | 'zone' | 'by' | 'top'>): SeriesBuilder {
  const groups = new Map<string, Group>();
  const groupByTags = new WeakMap<Tags, Group>();
  const starts = new Map<number, number>();

  function startOf(time: number): number {
    let start = starts.get(time);
    if (start === undefined) starts.set(time, (start = stepStart(time, step, zone)));
    return start;
  }

  function groupOf(tags: Tags): Group {
    let group = groupByTags.get(tags);
    if (group) return group;
    const own = Object.fromEntries(by.flatMap((tag) => (tags[tag] ? [[tag, tags[tag]]] : []))) as Tags;
    const key = seriesKey(own);
    group = groups.get(key) ?? { tags: own, steps: new Map() };
    groups.set(key, group);
    groupByTags.set(tags, group);
    return group;
  }

  return {
    add: (time, tags, fields) => {
      addTo(groupOf(tags).steps, startOf(time), fields);
    },
    rows: () => {
      const rows = [...groups.values()]
        .map(({ tags, steps }) => rowOf(tags, steps, false))
        .toSorted(byTags(by));
      if (!top) return rows;
      // A stable sort: ties stay in the order of tag values.
      const ranked = rows.toSorted((a, b) => compare(rank(b, top.field), rank(a, top.field)));
      const rest = ranked.slice(top.count);
      return rest.length === 0 ? ranked : [...ranked.slice(0, top.count), restOf(rest)];
    },
  };
}

/** The rows of a query over the points of its range. @throws StoreError for a sum above 2^63-1 */
export function seriesOfPoints(query: SeriesQuery, points: Iterable<Point>): SeriesRow[] {
  const builder = createSeriesBuilder(query);
  const matches = matcherOf(query.filters);
  for (const { time, tags, fields } of points) if (matches(tags)) builder.add(time, tags, fields);
  return builder.rows();
}

function rowOf(tags: Tags, byStep: ReadonlyMap<number, Fields>, other: boolean): SeriesRow {
  const steps: SeriesStep[] = [...byStep]
    .map(([time, fields]) => ({ time, fields }))
    .toSorted((a, b) => a.time - b.time);
  const total: Sum = {};
  for (const { fields } of steps) addFields(total, fields);
  return { tags, other, steps, total };
}

function restOf(rows: readonly SeriesRow[]): SeriesRow {
  const steps = new Map<number, Sum>();
  for (const { time, fields } of rows.flatMap((row) => row.steps)) addTo(steps, time, fields);
  return rowOf({}, steps, true);
}

/** A group without the field ranks below one whose sum is zero. */
function rank({ total }: SeriesRow, field: keyof Fields): number | bigint {
  return total[field] ?? -1;
}

function byTags(by: readonly Tag[]): (a: SeriesRow, b: SeriesRow) => number {
  return (a, b) => {
    for (const tag of by) {
      const order = compare(a.tags[tag] ?? '', b.tags[tag] ?? '');
      if (order !== 0) return order;
    }
    return 0;
  };
}

function compare<T extends string | number | bigint>(a: T, b: T): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function addTo(steps: Map<number, Sum>, time: number, fields: Fields): void {
  let sum = steps.get(time);
  if (!sum) steps.set(time, (sum = {}));
  addFields(sum, fields);
}

/** In place, because a query may add a hundred thousand rows. */
function addFields(sum: Sum, fields: Fields): void {
  for (const name in fields) {
    const field = name as Field;
    const value = fields[field];
    if (value === undefined) continue;
    const before = sum[field];
    sum[field] = before === undefined ? value : exactSum(before, value);
  }
}

function exactSum(a: Count, b: Count): Count {
  try {
    return addCounts(a, b);
  } catch (cause) {
    throw new StoreError('config', 'a sum exceeds 2^63-1', {
      hint: 'Query a shorter range, or group by more tags.',
      cause,
    });
  }
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/** Days since 1970-01-01 of the first of the date's month. */
function firstOfMonth(date: number): number {
  return date - new Date(date * DAY * 1000).getUTCDate() + 1;
}

/** The start of a date of the zone, given in days since 1970-01-01. */
function startOfDate(date: number, zone: string): number {
  // Noon is never skipped by a change of the clock, and no offset exceeds half a day by more than two hours.
  const noon = date * DAY + DAY / 2;
  return bucketStart(noon - zoneOffset(noon, zone), '1d', zone);
}
