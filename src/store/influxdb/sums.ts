import { MAX_COUNT, toCount, type Count } from '../../usage/count.ts';
import { decodeText } from '../../usage/tag-encoding.ts';
import { FIELDS, MEASUREMENT, TAGS, type Field, type Point, type Tag, type Tags } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import { StoreError, type PointQuery, type SumQuery, type SumRow } from '../store.ts';
import { conditionsOf, identifier, influxql, readInfluxql, type Series } from './influxql.ts';
import type { Connection } from './connection.ts';
import type { QueryContext } from './read.ts';

/**
 * Sums by InfluxQL, which 1.x, 2.x and 3.x support.
 * @throws StoreError, of kind `config` also for a sum above 2^63-1
 */
export async function influxSums(queryContext: QueryContext, query: SumQuery): Promise<SumRow[]> {
  const series = await influxql(queryContext, statementOf(query, 'sum'));
  if (series.some(isSuspicious)) await checkOverflow(queryContext, query, series);
  return series
    .map((each) => ({ tags: tagsOf(each), fields: fieldsOf(each, queryContext) }))
    .filter(hasFields);
}

/** The points themselves, by InfluxQL. @throws StoreError */
export async function influxPoints(queryContext: QueryContext, query: PointQuery): Promise<Point[]> {
  const columns = FIELDS.map(identifier).join(', ');
  const tags = TAGS.map(identifier).join(', ');
  const statement = `SELECT ${columns} FROM ${identifier(MEASUREMENT)} WHERE ${conditionsOf(query)} GROUP BY ${tags}`;
  return readInfluxql<Point[]>(
    queryContext,
    statement,
    () => [],
    (points, series) => {
      const tags = tagsOf(series);
      const timeAt = series.columns.indexOf('time');
      for (const row of series.values) {
        const fields = fieldsOf({ ...series, values: [row] }, queryContext);
        points.push({ time: Number(row[timeAt]), tags, fields });
      }
    },
  );
}

/** One statement with an aggregate of every field, each under the field's name. */
function statementOf({ start, end, where = {}, by }: SumQuery, aggregate: 'sum' | 'mean' | 'count'): string {
  const columns = FIELDS.map((field) => `${aggregate}(${identifier(field)}) AS ${identifier(field)}`);
  const grouping = by.length === 0 ? '' : ` GROUP BY ${by.map(identifier).join(', ')}`;
  return `SELECT ${columns.join(', ')} FROM ${identifier(MEASUREMENT)} WHERE ${conditionsOf({ start, end, where })}${grouping}`;
}

function tagsOf({ tags }: Series): Tags {
  // An absent tag has an empty value.
  const present = Object.entries(tags).filter(([, text]) => text !== '');
  return Object.fromEntries(present.map(([tag, text]) => [tag, decodeText(text)])) as Partial<
    Record<Tag, string>
  >;
}

function fieldsOf(series: Series, { connection }: QueryContext): Partial<Record<Field, Count>> {
  const fields: Partial<Record<Field, Count>> = {};
  for (const [field, value] of valuesOf(series)) {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw new StoreError(
        'config',
        `${connection.description} has a value of ${field} that is not an integer`,
        {
          hint: `another program writes to ${MEASUREMENT}; let it use another name`,
        },
      );
    }
    fields[field] = toCount(BigInt(value));
  }
  return fields;
}

/** The values of the one row of a series. */
function valuesOf({ columns, values }: Series): [Field, number | bigint][] {
  const [row = []] = values;
  return FIELDS.flatMap((field): [Field, number | bigint][] => {
    const value = row[columns.indexOf(field)];
    return typeof value === 'number' || typeof value === 'bigint' ? [[field, value]] : [];
  });
}

function hasFields({ fields }: SumRow): boolean {
  return Object.keys(fields).length > 0;
}

/** InfluxDB sums integers modulo 2^64, without an error. */
function isSuspicious(series: Series): boolean {
  return valuesOf(series).some(([, value]) => typeof value === 'bigint' || value < 0);
}

/** Detects overflow by the means, which are doubles. */
async function checkOverflow(
  queryContext: QueryContext,
  query: SumQuery,
  sums: readonly Series[],
): Promise<void> {
  const means = await influxql(queryContext, statementOf(query, 'mean'));
  const counts = await influxql(queryContext, statementOf(query, 'count'));
  const countOf = new Map(counts.map((series) => [keyOf(series), new Map(valuesOf(series))]));
  const wrapped = [
    ...sums.flatMap((series) => valuesOf(series).filter(([, sum]) => sum < 0)),
    ...means.flatMap((series) =>
      valuesOf(series).filter(
        // A sum from 2^63 to 2^64 is negative, so a wide margin is safe.
        ([field, mean]) =>
          Number(mean) * Number(countOf.get(keyOf(series))?.get(field) ?? 0) > 1.5 * Number(MAX_COUNT),
      ),
    ),
  ];
  const [field] = wrapped[0] ?? [];
  if (field === undefined) return;
  throw sumTooLarge(queryContext.connection, field);
}

export function sumTooLarge({ description }: Connection, field: Field): StoreError {
  return new StoreError('config', `${description} has a sum of ${field} above 2^63-1`, {
    hint: 'use a shorter range, or group by more tags',
  });
}

function keyOf({ tags }: Series): string {
  return seriesKey(tags);
}
