import { z } from 'zod';
import { addCounts, type Count } from '../../usage/count.ts';
import { decodeText, storedTexts } from '../../usage/line-text.ts';
import { FIELDS, MEASUREMENT, TAGS, type Field, type Tag, type Tags } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import { StoreError, type RemoveQuery, type SumQuery, type SumRow } from '../store.ts';
import { ask, type Reading } from './read.ts';

/** The year 2100. */
const FAR = 4_102_444_800;

const Exported = z.object({
  metric: z.record(z.string(), z.string()),
  values: z.array(z.int().nonnegative()),
  timestamps: z.array(z.int()),
});

/**
 * Sums over the raw samples: exact, because no stored count exceeds 2^53-1. Where a point is there twice, as without
 * de-duplication, the larger value counts.
 * @throws StoreError
 */
export async function victoriaSums(reading: Reading, query: SumQuery, separator: string): Promise<SumRow[]> {
  const prefix = `${MEASUREMENT}${separator}`;
  const form = {
    'match[]': selectorOf(query.where ?? {}, prefix),
    start: String(query.start),
    // Both ends are included.
    end: (query.end - 0.001).toFixed(3),
  };
  const text = await victoriaExport(reading, form);
  const rows = new Map<string, { tags: Tags; fields: Partial<Record<Field, Count>> }>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const { metric, values, timestamps } = exported(line, reading);
    const field = FIELDS.find((each) => metric['__name__'] === prefix + each);
    if (!field || values.length === 0) continue;
    const tags = tagsOf(metric, query.by);
    const key = seriesKey(tags);
    const row = rows.get(key) ?? { tags, fields: {} };
    row.fields[field] = addCounts(row.fields[field] ?? 0, sumOf(values, timestamps));
    rows.set(key, row);
  }
  return [...rows.values()];
}

/** Raw samples, one JSON object per series and line, those included that were written a moment ago. */
export async function victoriaExport(reading: Reading, form: Record<string, string>): Promise<string> {
  await ask(reading, '/internal/force_flush');
  return ask(reading, '/api/v1/export', { form });
}

/** Deletes whole series, those included that were written a moment ago. */
export async function victoriaDelete(reading: Reading, form: Record<string, string>): Promise<void> {
  await ask(reading, '/internal/force_flush');
  await ask(reading, '/api/v1/admin/tsdb/delete_series', { form });
}

/**
 * Removes whole series, because VictoriaMetrics removes nothing less. @throws StoreError of kind `config` where only
 * a part of their points is to go
 */
export async function victoriaRemove(reading: Reading, query: RemoveQuery, separator: string): Promise<void> {
  const outside = [
    { start: 0, end: query.start },
    { start: query.end, end: FAR },
  ];
  for (const range of outside.filter(({ start, end }) => start < end)) {
    const others = await victoriaSums(reading, { ...query, ...range, by: [] }, separator);
    if (others.length === 0) continue;
    throw new StoreError('config', `${reading.connection.description} cannot delete a part of a series`, {
      hint: 'delete all points of the job, or leave the old ones where they are',
    });
  }
  await victoriaDelete(reading, { 'match[]': selectorOf(query.where, `${MEASUREMENT}${separator}`) });
}

/** The selector of all series with these tags. An empty value is a tag that is not there, as in Prometheus. */
function selectorOf(where: Tags, prefix: string): string {
  const conditions = [`__name__=~${quoted(`${escapeRegExp(prefix)}(${FIELDS.join('|')})`)}`];
  for (const tag of TAGS) {
    const value = where[tag];
    if (value === undefined) continue;
    const texts = storedTexts(value);
    conditions.push(
      texts.length === 1
        ? `${tag}=${quoted(texts.join())}`
        : `${tag}=~${quoted(texts.map(escapeRegExp).join('|'))}`,
    );
  }
  return `{${conditions.join(',')}}`;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function exported(line: string, { connection }: Reading): z.infer<typeof Exported> {
  try {
    return Exported.parse(JSON.parse(line));
  } catch (cause) {
    throw new StoreError('config', `${connection.description} holds something else than counts of usage`, {
      hint: `do not write ${MEASUREMENT} by other means`,
      cause,
    });
  }
}

function tagsOf(metric: Readonly<Record<string, string>>, by: readonly Tag[]): Tags {
  const tags: Partial<Record<Tag, string>> = {};
  for (const tag of by) {
    const text = metric[tag];
    if (text) tags[tag] = decodeText(text);
  }
  return tags;
}

function sumOf(values: readonly number[], timestamps: readonly number[]): Count {
  const largest = new Map<number, number>();
  for (const [index, value] of values.entries()) {
    const time = timestamps[index] ?? 0;
    largest.set(time, Math.max(value, largest.get(time) ?? 0));
  }
  return [...largest.values()].reduce<Count>(addCounts, 0);
}
