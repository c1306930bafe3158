import { z } from 'zod';
import { parseJson } from '../../usage/json.ts';
import { storedTexts } from '../../usage/tag-encoding.ts';
import { TAGS, type Tag } from '../../usage/point.ts';
import { StoreError, type PointQuery, type SumQuery } from '../store.ts';
import type { Connection } from './connection.ts';
import { ask, type QueryContext } from './read.ts';
import { hintOfAnswer } from './write-outcome.ts';

/** `name` as InfluxQL takes it for a measurement, field or tag. */
export function identifier(name: string): string {
  return `"${name.replace(/[\\"]/g, '\\$&')}"`;
}

/** A string. Stored texts hold no control characters. https://docs.influxdata.com/influxdb/v1/query_language/spec/#strings */
export function literal(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

/** A condition on time and tags; an empty value is a tag that is not there. */
export function conditionsOf({
  start,
  end,
  where = {},
  among,
}: Omit<SumQuery, 'by'> & Pick<PointQuery, 'among'>): string {
  const conditions = [`time >= ${start}s`, `time < ${end}s`];
  for (const tag of TAGS) {
    const value = where[tag];
    if (value === undefined) continue;
    conditions.push(oneOf(tag, [value]));
  }
  if (among) conditions.push(oneOf(among.tag, among.values));
  return conditions.join(' AND ');
}

function oneOf(tag: Tag, values: readonly string[]): string {
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
 * Runs one statement. Integers come back exact. In chunks, because a server may limit the rows of a plain answer and
 * leave out the rest.
 * @throws StoreError
 */
export async function influxql(queryContext: QueryContext, statement: string): Promise<Series[]> {
  const { connection } = queryContext;
  const form = {
    ...connection.queryParameters,
    q: statement,
    epoch: 's',
    chunked: 'true',
    chunk_size: '10000',
  };
  const text = await ask(queryContext, '/query', { form });
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line) => seriesOf(line, queryContext));
}

function seriesOf(line: string, { connection }: QueryContext): Series[] {
  const part = Part.safeParse(parsed(line));
  if (!part.success) {
    throw new StoreError(
      'config',
      `${connection.description} answered a query with something else than InfluxQL`,
      {
        hint: 'check INFLUX_HOST, INFLUX_VERSION and any proxy in between',
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
    return 'queries reach a bucket as a database of its name: influx v1 dbrp create --db <bucket> --rp autogen --bucket-id <id>';
  return hintOfAnswer(404, error, version);
}

function parsed(line: string): unknown {
  try {
    return parseJson(line);
  } catch {
    return undefined;
  }
}
