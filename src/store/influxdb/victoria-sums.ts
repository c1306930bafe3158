import { z } from 'zod';
import { addCounts, type Count } from '../../usage/count.ts';
import { decodeText, storedTexts } from '../../usage/tag-encoding.ts';
import type { FieldKind, Measurement } from '../../usage/catalogue.ts';
import { MEASUREMENT, type Field, type Point, type Tag, type Tags } from '../../usage/point.ts';
import { addRecords } from '../../usage/aggregate.ts';
import { createRecordIndex } from '../../usage/record-index.ts';
import { seriesKey } from '../../usage/series.ts';
import type { SeriesQuery, SeriesRow, TagFilter } from '../series-query.ts';
import { createSeriesBuilder } from '../series.ts';
import { StoreError, type PointQuery, type RemoveQuery, type SumQuery, type SumRow } from '../store.ts';
import { sumTooLarge } from './sums.ts';
import { ask, measurementOf, readDocuments, type QueryContext } from './read.ts';

/** The year 2100. */
const FAR = 4_102_444_800;

const Exported = z.object({
  metric: z.record(z.string(), z.string()),
  values: z.array(z.number()),
  timestamps: z.array(z.int()),
});

/**
 * Sums of the raw samples: exact, because no stored count exceeds 2^53-1. Of duplicate samples, as without
 * deduplication, the largest counts.
 * @throws StoreError
 */
export async function victoriaSums(
  queryContext: QueryContext,
  query: SumQuery,
  separator: string,
): Promise<SumRow[]> {
  const rows = await readSeries(
    queryContext,
    query,
    separator,
    () => new Map<string, { tags: Tags; fields: Partial<Record<Field, Count>> }>(),
    (found, { metric, field, counts }) => {
      const tags = tagsOf(metric, query.by);
      const key = seriesKey(tags);
      const row = found.get(key) ?? { tags, fields: {} };
      const sum = [...counts.values()].reduce<Count>(addCounts, 0);
      row.fields[field] = addCounts(row.fields[field] ?? 0, sum);
      found.set(key, row);
    },
  );
  return [...rows.values()];
}

/** The points themselves. @throws StoreError */
export async function victoriaPoints(
  queryContext: QueryContext,
  query: PointQuery,
  separator: string,
): Promise<Point[]> {
  const { name, tagNames } = measurementOf(queryContext, query);
  const named = name === MEASUREMENT ? {} : { measurement: name };
  const points = await readSeries(
    queryContext,
    query,
    separator,
    createRecordIndex,
    (found, { metric, field, counts }) => {
      const tags = tagsOf(metric, tagNames);
      for (const [ms, count] of counts)
        found.add({ time: Math.floor(ms / 1000), tags, fields: { [field]: count } }, addRecords);
    },
  );
  return points.values().map((point) => ({ ...named, ...point }));
}

/** Sums by time step, over the raw samples. @throws StoreError */
export async function victoriaSeries(
  queryContext: QueryContext,
  query: SeriesQuery,
  separator: string,
): Promise<SeriesRow[]> {
  // In Prometheus a matcher without values would match series without the tag.
  const filters = (query.filters ?? []).filter(({ values, negate }) => values.length > 0 || !negate);
  if (query.start >= query.end || filters.some(({ values }) => values.length === 0)) return [];
  const builder = await readSeries(
    queryContext,
    { ...query, filters },
    separator,
    () => createSeriesBuilder(query),
    (found, { metric, field, counts }) => {
      const tags = tagsOf(metric, query.by);
      for (const [ms, count] of counts) found.add(Math.floor(ms / 1000), tags, { [field]: count });
    },
  );
  return builder.rows();
}

/** What selects series. */
type Selection = Omit<SumQuery, 'by' | 'start' | 'end'> &
  Pick<PointQuery, 'among'> &
  Pick<SeriesQuery, 'filters'>;

/** One field of a series. */
interface FieldSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly field: Field;
  /** By time in milliseconds. */
  readonly counts: ReadonlyMap<number, number>;
}

/** Passes on the fields of all series as they arrive. @throws StoreError */
function readSeries<T>(
  queryContext: QueryContext,
  query: Omit<SumQuery, 'by'> & Pick<PointQuery, 'among'> & Pick<SeriesQuery, 'filters'>,
  separator: string,
  begin: () => T,
  add: (state: T, series: FieldSeries) => void,
): Promise<T> {
  const { start, end } = query;
  const measurement = measurementOf(queryContext, query);
  const prefix = `${measurement.name}${separator}`;
  const form = {
    'match[]': selectorOf(measurement, separator, query),
    start: String(start),
    // Both ends are included.
    end: (end - 0.001).toFixed(3),
  };
  return victoriaExport(queryContext, form, begin, (state, document) => {
    const { metric, values, timestamps } = exported(document, measurement, queryContext);
    const field = measurement.fieldNames.find((each) => metric['__name__'] === prefix + each) as
      | Field
      | undefined;
    if (!field || values.length === 0) return;
    if (!values.every((value) => isValid(value, measurement.fields[field]?.kind)))
      throw foreignSamples(measurement, queryContext);
    try {
      add(state, { metric, field, counts: largest(values, timestamps) });
    } catch (error) {
      throw error instanceof RangeError ? sumTooLarge(queryContext.connection, field) : error;
    }
  });
}

/** Raw samples, one JSON object per series, including the latest writes. */
export async function victoriaExport<T>(
  queryContext: QueryContext,
  form: Record<string, string>,
  begin: () => T,
  add: (state: T, document: unknown) => void,
): Promise<T> {
  await ask(queryContext, '/internal/force_flush');
  return readDocuments(queryContext, '/api/v1/export', { form }, begin, add);
}

/** Deletes whole series, including the latest writes. */
export async function victoriaDelete(
  queryContext: QueryContext,
  form: Record<string, string>,
): Promise<void> {
  await ask(queryContext, '/internal/force_flush');
  await ask(queryContext, '/api/v1/admin/tsdb/delete_series', { form });
}

/**
 * Removes whole series: VictoriaMetrics cannot remove single points. @throws StoreError of kind `config` if the series
 * have points outside the range
 */
export async function victoriaRemove(
  queryContext: QueryContext,
  query: RemoveQuery,
  separator: string,
): Promise<void> {
  const outside = [
    { start: 0, end: query.start },
    { start: query.end, end: FAR },
  ];
  for (const range of outside.filter(({ start, end }) => start < end)) {
    const others = await victoriaSums(queryContext, { ...query, ...range, by: [] }, separator);
    if (others.length === 0) continue;
    throw new StoreError(
      'config',
      `${queryContext.connection.description} cannot delete a part of a series`,
      {
        hint: 'delete all points of the job, or keep the old ones',
      },
    );
  }
  const selector = selectorOf(measurementOf(queryContext, query), separator, query);
  await victoriaDelete(queryContext, { 'match[]': selector });
}

/** The selector of all series with these tags. As in Prometheus, an empty value means that the tag is absent. */
function selectorOf(
  { name, tagNames, fieldNames }: Measurement,
  separator: string,
  { where = {}, among, filters = [] }: Selection,
): string {
  const prefix = escapeRegExp(name + separator);
  const conditions = [`__name__=~${quoted(`${prefix}(${fieldNames.join('|')})`)}`];
  for (const tag of tagNames) {
    const value = where[tag as Tag];
    if (value !== undefined) conditions.push(matcher({ tag: tag as Tag, values: [value] }));
  }
  if (among) conditions.push(matcher(among));
  conditions.push(...filters.map(matcher));
  return `{${conditions.join(',')}}`;
}

function matcher({ tag, values, negate = false }: TagFilter): string {
  const texts = values.flatMap(storedTexts);
  return texts.length === 1
    ? `${tag}${negate ? '!=' : '='}${quoted(texts.join())}`
    : `${tag}${negate ? '!~' : '=~'}${quoted(texts.map(escapeRegExp).join('|'))}`;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function exported(
  document: unknown,
  measurement: Measurement,
  queryContext: QueryContext,
): z.infer<typeof Exported> {
  const { data } = Exported.safeParse(document);
  if (!data) throw foreignSamples(measurement, queryContext);
  return data;
}

function isValid(value: number, kind: FieldKind | undefined): boolean {
  return kind === 'float' || (Number.isSafeInteger(value) && (kind === 'integer' || value >= 0));
}

function foreignSamples({ name }: Measurement, { connection }: QueryContext): StoreError {
  return new StoreError(
    'config',
    `${connection.description} has samples of ${name} that are not its values`,
    {
      hint: `another program writes to ${name}; let it use another name`,
    },
  );
}

function tagsOf(metric: Readonly<Record<string, string>>, by: readonly string[]): Tags {
  const tags: Partial<Record<Tag, string>> = {};
  for (const tag of by) {
    const text = metric[tag];
    if (text) tags[tag as Tag] = decodeText(text);
  }
  return tags;
}

function largest(values: readonly number[], timestamps: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const [index, value] of values.entries()) {
    const time = timestamps[index] ?? 0;
    counts.set(time, Math.max(value, counts.get(time) ?? -Infinity));
  }
  return counts;
}
