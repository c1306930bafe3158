import type { Measurement } from '../../usage/catalogue.ts';
import { MAX_COUNT, toInteger, type Count } from '../../usage/count.ts';
import { MEASUREMENT, type Field, type Fields, type Point, type Tag, type Tags } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import { decodeText } from '../../usage/tag-encoding.ts';
import { StoreError, type PointQuery, type SumQuery, type SumRow } from '../store.ts';
import type { Connection } from './connection.ts';
import { conditionsOf, identifier, readInfluxql, type Series } from './influxql.ts';
import { measurementOf, type QueryContext } from './read.ts';

/** An aggregate of a query: `sum` of each field, or what tells whether a sum has overflowed. */
export type Aggregate = 'sum' | 'mean' | 'count';

/** One row of aggregates. */
export interface AggregateRow {
  /** Unix seconds; 0 in an answer without time steps. */
  readonly time: number;
  readonly tags: Tags;
  /** The tag values as the server has them. */
  readonly stored: Readonly<Record<string, string>>;
  readonly fields: Fields;
}

/**
 * Sums by InfluxQL, which 1.x, 2.x and 3.x support.
 * @throws StoreError, of kind `config` also for a sum above 2^63-1
 */
export async function influxSums(queryContext: QueryContext, query: SumQuery): Promise<SumRow[]> {
  const measurement = measurementOf(queryContext, query);
  const rest = `WHERE ${conditionsOf(measurement, query)}${groupBy(query.by)}`;
  const rows = await aggregateRows(queryContext, measurement, rest);
  return rows.map(({ tags, fields }) => ({ tags, fields }));
}

/** The points themselves, by InfluxQL. @throws StoreError */
export async function influxPoints(queryContext: QueryContext, query: PointQuery): Promise<Point[]> {
  const measurement = measurementOf(queryContext, query);
  const columns = measurement.fieldNames.map(identifier).join(', ');
  const statement = `SELECT ${columns} FROM ${identifier(measurement.name)} WHERE ${conditionsOf(measurement, query)}${groupBy(measurement.tagNames)}`;
  return readInfluxql<Point[]>(
    queryContext,
    statement,
    () => [],
    (points, series) => {
      const tags = tagsOf(series);
      const timeAt = series.columns.indexOf('time');
      for (const row of series.values) {
        const fields = fieldsOf(row, series, measurement, queryContext.connection);
        points.push({ ...named(measurement), time: Number(row[timeAt]), tags, fields });
      }
    },
  );
}

/**
 * Exact sums of all fields: rows of `SELECT sum(...) FROM measurement <rest>`, those without a field left out.
 * @throws StoreError of kind `config` for a sum above 2^63-1
 */
export async function aggregateRows(
  queryContext: QueryContext,
  measurement: Measurement,
  rest: string,
): Promise<AggregateRow[]> {
  const rows = await readRows(queryContext, measurement, 'sum', rest);
  if (rows.some((row) => isSuspicious(row, measurement)))
    await checkOverflow(queryContext, measurement, rest, rows);
  return rows;
}

export function groupBy(names: readonly string[]): string {
  return names.length === 0 ? '' : ` GROUP BY ${names.map(identifier).join(', ')}`;
}

function readRows(
  queryContext: QueryContext,
  measurement: Measurement,
  aggregate: Aggregate,
  rest: string,
): Promise<AggregateRow[]> {
  const columns = measurement.fieldNames.map(
    (name) => `${aggregate}(${identifier(name)}) AS ${identifier(name)}`,
  );
  const statement = `SELECT ${columns.join(', ')} FROM ${identifier(measurement.name)} ${rest}`;
  return readInfluxql<AggregateRow[]>(
    queryContext,
    statement,
    () => [],
    (rows, series) => {
      const tags = tagsOf(series);
      const timeAt = series.columns.indexOf('time');
      for (const row of series.values) {
        const fields =
          aggregate === 'sum'
            ? fieldsOf(row, series, measurement, queryContext.connection)
            : numbersOf(row, series, measurement);
        if (Object.keys(fields).length === 0) continue;
        rows.push({ time: Number(row[timeAt]), tags, stored: series.tags, fields });
      }
    },
  );
}

function tagsOf({ tags }: Series): Tags {
  // An absent tag has an empty value.
  const present = Object.entries(tags).filter(([, text]) => text !== '');
  return Object.fromEntries(present.map(([tag, text]) => [tag, decodeText(text)])) as Partial<
    Record<Tag, string>
  >;
}

/** @throws StoreError of kind `config` for a value that the field cannot have */
function fieldsOf(
  row: readonly unknown[],
  series: Series,
  measurement: Measurement,
  { description }: Connection,
): Fields {
  const fields = numbersOf(row, series, measurement);
  for (const [name, value] of Object.entries(fields)) {
    if (measurement.fields[name]?.kind === 'float') continue;
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw new StoreError('config', `${description} has a value of ${name} that is not an integer`, {
        hint: `another program writes to ${measurement.name}; let it use another name`,
      });
    }
    fields[name as Field] = toInteger(BigInt(value));
  }
  return fields;
}

function numbersOf(
  row: readonly unknown[],
  { columns }: Series,
  { fieldNames }: Measurement,
): Partial<Record<Field, Count>> {
  const fields: Partial<Record<Field, Count>> = {};
  for (const name of fieldNames) {
    const value = row[columns.indexOf(name)];
    if (typeof value === 'number' || typeof value === 'bigint') fields[name as Field] = value;
  }
  return fields;
}

function named({ name }: Measurement): Pick<Point, 'measurement'> {
  return name === MEASUREMENT ? {} : { measurement: name };
}

/** InfluxDB sums integers modulo 2^64, without an error. */
function isSuspicious({ fields }: AggregateRow, measurement: Measurement): boolean {
  return Object.entries(fields).some(
    ([name, sum]) => typeof sum === 'bigint' || (measurement.fields[name]?.kind === 'count' && sum < 0),
  );
}

/** Detects overflow by the means, which are doubles. */
async function checkOverflow(
  queryContext: QueryContext,
  measurement: Measurement,
  rest: string,
  sums: readonly AggregateRow[],
): Promise<void> {
  const means = await readRows(queryContext, measurement, 'mean', rest);
  const counts = await readRows(queryContext, measurement, 'count', rest);
  const countOf = new Map(counts.map((row) => [keyOf(row), row.fields]));
  const isCount = (name: string): boolean => measurement.fields[name]?.kind === 'count';
  const wrapped = [
    ...sums.flatMap(({ fields }) => Object.entries(fields).filter(([name, sum]) => isCount(name) && sum < 0)),
    ...means.flatMap((row) =>
      Object.entries(row.fields).filter(([name, mean]) => {
        const count = countOf.get(keyOf(row))?.[name as Field] ?? 0;
        // A sum from 2^63 to 2^64 is negative, so a wide margin is safe.
        return isCount(name) && Number(mean) * Number(count) > 1.5 * Number(MAX_COUNT);
      }),
    ),
  ];
  const [field] = wrapped[0] ?? [];
  if (field !== undefined) throw sumTooLarge(queryContext.connection, field);
}

export function sumTooLarge({ description }: Connection, field: string): StoreError {
  return new StoreError('config', `${description} has a sum of ${field} above 2^63-1`, {
    hint: 'use a shorter range, or group by more tags',
  });
}

function keyOf({ time, tags }: AggregateRow): string {
  return `${time} ${seriesKey(tags)}`;
}
