import { z } from 'zod';
import { storedTexts } from '../../usage/tag-encoding.ts';
import type { Measurement } from '../../usage/catalogue.ts';
import type { Tag } from '../../usage/point.ts';
import { StoreError, type PointQuery, type SumQuery } from '../store.ts';
import type { Connection } from './connection.ts';
import { readDocuments, type QueryContext } from './read.ts';
import { hintOfAnswer } from './write-outcome.ts';

/** The quoted name of a measurement, field or tag. */
export function identifier(name: string): string {
  return `"${name.replace(/[\\"]/g, '\\$&')}"`;
}

/** A string literal. Stored texts have no control characters. https://docs.influxdata.com/influxdb/v1/query_language/spec/#strings */
export function literal(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

/** A condition on time and tags. An empty value means that the tag is absent. */
export function conditionsOf(
  { tagNames }: Measurement,
  { start, end, where = {}, among }: Omit<SumQuery, 'by'> & Pick<PointQuery, 'among'>,
): string {
  const conditions = [`time >= ${start}s`, `time < ${end}s`];
  for (const tag of tagNames) {
    const value = where[tag as Tag];
    if (value === undefined) continue;
    conditions.push(oneOf(tag, [value]));
  }
  if (among) conditions.push(oneOf(among.tag, among.values));
  return conditions.join(' AND ');
}

function oneOf(tag: string, values: readonly string[]): string {
  const choices = values.flatMap(storedTexts).map((text) => `${identifier(tag)} = ${literal(text)}`);
  return choices.length === 1 ? choices.join() : `(${choices.join(' OR ')})`;
}

/** One series of an answer: its grouping tags, and rows of values in the order of the columns. */
export interface Series {
  readonly tags: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly unknown[])[];
}

const Part = z.object({
  error: z.string().optional(),
  results: z
    .array(
      z.object({
        error: z.string().optional(),
        series: z
          .array(
            z.object({
              tags: z.record(z.string(), z.string()).default({}),
              columns: z.array(z.string()),
              values: z.array(z.array(z.unknown())).default([]),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
});

/**
 * Runs one statement and passes on its series as they arrive; a long one arrives in parts. Chunked, because a server
 * may truncate an answer that is not (`max-row-limit`).
 * @throws StoreError
 */
export function readInfluxql<T>(
  queryContext: QueryContext,
  statement: string,
  begin: () => T,
  add: (state: T, series: Series) => void,
): Promise<T> {
  const form = {
    ...queryContext.connection.queryParameters,
    q: statement,
    epoch: 's',
    chunked: 'true',
    chunk_size: '10000',
  };
  return readDocuments(queryContext, '/query', { form }, begin, (state, document) => {
    for (const series of seriesOf(document, queryContext)) add(state, series);
  });
}

/** All series of a short answer. @throws StoreError */
export function influxql(queryContext: QueryContext, statement: string): Promise<Series[]> {
  return readInfluxql<Series[]>(
    queryContext,
    statement,
    () => [],
    (found, series) => found.push(series),
  );
}

function seriesOf(document: unknown, { connection }: QueryContext): Series[] {
  const part = Part.safeParse(document);
  if (!part.success) {
    throw new StoreError(
      'config',
      `${connection.description} did not answer a query with results of InfluxQL`,
      {
        hint: 'check INFLUX_HOST, INFLUX_VERSION and any proxy',
      },
    );
  }
  const error = part.data.error ?? part.data.results.find((result) => result.error !== undefined)?.error;
  if (error === undefined) return part.data.results.flatMap((result) => result.series);
  throw new StoreError('config', `${connection.description} refused a query: ${connection.redact(error)}`, {
    hint: hintOf(error, connection.version),
  });
}

function hintOf(error: string, version: Connection['version']): string {
  if (version === '2' && /not found/i.test(error))
    return 'map the bucket to a database of the same name: influx v1 dbrp create --db <bucket> --rp autogen --bucket-id <id>';
  return hintOfAnswer(404, error, version);
}
