import { storedTexts } from '../../usage/tag-encoding.ts';
import type { Measurement } from '../../usage/catalogue.ts';
import type { Tag, Tags } from '../../usage/point.ts';
import { StoreError, type RemoveQuery } from '../store.ts';
import { path } from './connection.ts';
import { conditionsOf, identifier, influxql } from './influxql.ts';
import { ask, measurementOf, type QueryContext } from './read.ts';

/** @throws StoreError, of kind `config` for 3.x, which cannot delete points */
export async function influxRemove(queryContext: QueryContext, query: RemoveQuery): Promise<void> {
  const { version, description } = queryContext.connection;
  const measurement = measurementOf(queryContext, query);
  if (version === '1') {
    const condition = conditionsOf(measurement, query);
    await influxql(queryContext, `DELETE FROM ${identifier(measurement.name)} WHERE ${condition}`);
    return;
  }
  if (version === '3') {
    throw new StoreError('config', `${description} cannot delete points`, {
      hint: 'set INFLUX_BUCKET to another database, or keep the old points',
    });
  }
  for (const predicate of predicatesOf(measurement, query.where))
    await deletePoints(queryContext, predicate, query);
}

/** The whole range of time that the server supports, seconds. */
const EVER = { start: 0, end: 9_214_646_400 };

/** https://docs.influxdata.com/influxdb/v2/write-data/delete-data/ */
export async function deletePoints(
  queryContext: QueryContext,
  predicate: string,
  { start, end }: { start: number; end: number } = EVER,
): Promise<void> {
  const { db = '', org = '' } = queryContext.connection.queryParameters;
  // The stop is inclusive.
  const json = { start: isoTime(start), stop: isoTime(end - 1), predicate };
  await ask(queryContext, path('/api/v2/delete', { org, bucket: db }), { json });
}

/** Predicates have no OR: one for each text that a value may be stored as. */
function predicatesOf({ name, tagNames }: Measurement, where: Tags): string[] {
  let predicates = [`_measurement="${name}"`];
  for (const tag of tagNames) {
    const value = where[tag as Tag];
    if (value === undefined) continue;
    predicates = predicates.flatMap((begin) =>
      storedTexts(value).map((text) => `${begin} AND ${tag}="${text.replace(/[\\"]/g, '\\$&')}"`),
    );
  }
  return predicates;
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}
