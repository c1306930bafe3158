import type { Measurement } from '../../usage/catalogue.ts';
import { storedTexts } from '../../usage/tag-encoding.ts';
import type { Tags } from '../../usage/point.ts';
import { bucketEnd, bucketStart } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import type { SeriesQuery, SeriesRow, TagFilter } from '../series-query.ts';
import { createSeriesBuilder } from '../series.ts';
import { identifier, literal } from './influxql.ts';
import { measurementOf, type QueryContext } from './read.ts';
import { aggregateRows, groupBy, type AggregateRow } from './sums.ts';
import { DAY } from '../../windows/units.ts';

/** Time zones change their offset at a quarter of an hour at the finest, so a quarter is in one step of any zone. */
const QUARTER = 900;

/** Tag values as the server has them. */
type Stored = AggregateRow['stored'];

/** A part of a range with steps of one width, seconds. */
interface Slice extends Window {
  readonly width: number;
  /** Of the start of a step, from a multiple of `width`. */
  readonly offset: number;
}

/**
 * Sums by time step, made by the server: per day of the zone, or per quarter of an hour for hours and days of 23 or 25
 * hours. With `top`, totals rank the groups, and only the best of them are read step by step.
 * @throws StoreError
 */
export async function influxSeries(queryContext: QueryContext, query: SeriesQuery): Promise<SeriesRow[]> {
  const measurement = measurementOf(queryContext, query);
  const filters = conditionsOf(query.filters ?? []);
  if (filters === undefined || query.start >= query.end) return [];

  async function rowsOf(builderQuery: SeriesQuery, conditions: readonly string[]): Promise<SeriesRow[]> {
    const builder = createSeriesBuilder(builderQuery);
    for (const { start, end, width, offset } of slicesOf(query)) {
      const time = [`time >= ${start}s`, `time < ${end}s`];
      const steps = [...builderQuery.by.map(identifier), `time(${width}s, ${offset}s)`];
      const where = [...time, ...conditions].join(' AND ');
      const rest = `WHERE ${where} GROUP BY ${steps.join(', ')} fill(none)`;
      for (const row of await aggregateRows(queryContext, measurement, rest)) {
        builder.add(Math.max(row.time, start), row.tags, row.fields);
      }
    }
    return builder.rows();
  }

  const { top, ...all } = query;
  if (!top) return rowsOf(all, filters);
  const ranking = await rank(queryContext, measurement, query, filters);
  if (ranking.rest === 0) return rowsOf(query, filters);
  const best = ranking.best.length === 0 ? [] : await rowsOf(query, [...filters, anyOf(ranking.best)]);
  const [rest] = await rowsOf({ ...all, by: [] }, [...filters, ...ranking.best.map(noneOf)]);
  return rest ? [...best, { ...rest, other: true }] : best;
}

/** The best groups by their totals, and the number of the others. */
async function rank(
  queryContext: QueryContext,
  measurement: Measurement,
  query: SeriesQuery,
  filters: readonly string[],
): Promise<{ best: Stored[]; rest: number }> {
  const conditions = [`time >= ${query.start}s`, `time < ${query.end}s`, ...filters];
  const totals = await aggregateRows(
    queryContext,
    measurement,
    `WHERE ${conditions.join(' AND ')}${groupBy(query.by)}`,
  );
  const builder = createSeriesBuilder(query);
  const storedOf = new Map<Tags, Stored>();
  for (const { tags, stored, fields } of totals) {
    builder.add(query.start, tags, fields);
    storedOf.set(tags, stored);
  }
  const groups = builder.rows().filter(({ other }) => !other);
  const best = groups.map(({ tags }) => storedIn(storedOf, tags, query));
  return { best, rest: totals.length - best.length };
}

function storedIn(storedOf: ReadonlyMap<Tags, Stored>, group: Tags, { by }: SeriesQuery): Stored {
  for (const [tags, stored] of storedOf) {
    if (by.every((tag) => tags[tag] === group[tag]))
      return Object.fromEntries(by.map((tag) => [tag, stored[tag] ?? '']));
  }
  return {};
}

/** The range in parts of one width each: runs of days with 24 hours, and the rest in quarters of an hour. */
function slicesOf({ start, end, step, zone }: SeriesQuery): Slice[] {
  if (step === 'hour') return [{ start, end, width: QUARTER, offset: 0 }];
  const slices: Slice[] = [];
  let from = bucketStart(start, '1d', zone);
  while (from < end) {
    const to = bucketEnd(from, '1d', zone);
    const width = to - from === DAY ? DAY : QUARTER;
    const offset = modulo(from, width);
    const last = slices.at(-1);
    const slice = { start: Math.max(from, start), end: Math.min(to, end), width, offset };
    if (last?.width === width && last.offset === offset) slices.splice(-1, 1, { ...last, end: slice.end });
    else slices.push(slice);
    from = to;
  }
  return slices;
}

/** Undefined if no series can match. */
function conditionsOf(filters: readonly TagFilter[]): string[] | undefined {
  const conditions: string[] = [];
  for (const { tag, values, negate = false } of filters) {
    const texts = values.flatMap(storedTexts);
    if (texts.length === 0 && !negate) return undefined;
    if (texts.length === 0) continue;
    const compared = texts.map((text) => `${identifier(tag)} ${negate ? '!=' : '='} ${literal(text)}`);
    conditions.push(`(${compared.join(negate ? ' AND ' : ' OR ')})`);
  }
  return conditions;
}

function anyOf(groups: readonly Stored[]): string {
  const each = groups.map((group) => {
    const pairs = Object.entries(group).map(([tag, text]) => `${identifier(tag)} = ${literal(text)}`);
    return `(${pairs.join(' AND ')})`;
  });
  return `(${each.join(' OR ')})`;
}

function noneOf(group: Stored): string {
  const pairs = Object.entries(group).map(([tag, text]) => `${identifier(tag)} != ${literal(text)}`);
  return `(${pairs.join(' OR ')})`;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
