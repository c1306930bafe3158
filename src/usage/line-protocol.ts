import { MAX_COUNT, toCount, type Count } from './count.ts';
import { decodeText, encodeText, shortenText } from './tag-encoding.ts';
import {
  FIELDS,
  MEASUREMENT,
  TAGS,
  type Field,
  type Fields,
  type Point,
  type Tag,
  type Tags,
} from './point.ts';

/** What a server can hold, in bytes as they stand in a line. */
export interface LineLimits {
  /** One tag value, not counting the backslashes of escapes. */
  readonly value: number;
  /** Measurement and tags together. */
  readonly series: number;
}

export const NO_LIMITS: LineLimits = { value: Infinity, series: Infinity };

/** The seconds whose nanoseconds an int64 holds. */
const MAX_TIME = 9_223_372_036;

/**
 * One point as one line of line protocol, without a newline: tags in the order of `TAGS`, integer fields, time in
 * seconds. https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
 * @throws RangeError on a point without fields, a value that is not a count, a time outside int64 nanoseconds.
 */
export function toLine(point: Point, limits: LineLimits = NO_LIMITS): string {
  const fields: string[] = [];
  for (const field of FIELDS) {
    const value = point.fields[field];
    if (value !== undefined) fields.push(`${field}=${checkedCount(value, field)}i`);
  }
  if (fields.length === 0) throw new RangeError('a point has no field');
  return `${seriesOf(point.tags, limits)} ${fields.join(',')} ${checkedTime(point.time)}`;
}

/** Measurement and tags as they stand at the start of a line, tag values shortened where the server needs it. */
export function seriesOf(tags: Tags, limits: LineLimits): string {
  const series = joinSeries(tags, encodeText);
  return fits(series, tags, limits) ? series : joinSeries(tags, shortenText);
}

function joinSeries(tags: Tags, textOf: (value: string) => string): string {
  let series: string = MEASUREMENT;
  for (const tag of TAGS) {
    const value = tags[tag];
    if (value) series += `,${tag}=${textOf(value).replace(/[,= ]/g, '\\$&')}`;
  }
  return series;
}

function fits(series: string, tags: Tags, limits: LineLimits): boolean {
  // A UTF-16 unit takes at most three bytes.
  if (series.length * 3 <= Math.min(limits.value, limits.series)) return true;
  if (Buffer.byteLength(series) > limits.series) return false;
  return TAGS.every((tag) => Buffer.byteLength(encodeText(tags[tag] ?? '')) <= limits.value);
}

export function checkedCount(value: Count, field: Field): Count {
  const fine =
    typeof value === 'number' ? Number.isSafeInteger(value) && value >= 0 : value >= 0n && value <= MAX_COUNT;
  if (!fine) throw new RangeError(`${field} is not a count from 0 to 2^63-1: ${value}`);
  return value;
}

export function checkedTime(time: number): number {
  if (!Number.isInteger(time) || Math.abs(time) > MAX_TIME)
    throw new RangeError(`time is not in whole Unix seconds: ${time}`);
  return time;
}

const TAG_NAMES: ReadonlySet<string> = new Set(TAGS);
const FIELD_NAMES: ReadonlySet<string> = new Set(FIELDS);

/**
 * The point of a line that `toLine` wrote. @throws SyntaxError on anything else.
 */
export function parseLine(line: string): Point {
  // Unescaped separators only: `toLine` leaves no other backslash in front of one.
  const [series = '', fields = '', time = '', ...rest] = line.split(/(?<!\\) /);
  const [measurement, ...tags] = series.split(/(?<!\\),/);
  if (measurement !== MEASUREMENT) throw new SyntaxError(`not a line of ${MEASUREMENT}: ${clip(line)}`);
  if (rest.length > 0 || !/^-?[0-9]{1,10}$/.test(time))
    throw new SyntaxError(`no time in seconds at the end of: ${clip(line)}`);
  return { time: Number(time), tags: parseTags(tags), fields: parseFields(fields) };
}

function parseTags(texts: readonly string[]): Tags {
  const tags: Partial<Record<Tag, string>> = {};
  for (const text of texts) {
    const [name = '', value, ...rest] = text.split(/(?<!\\)=/);
    if (!value || rest.length > 0 || !TAG_NAMES.has(name)) throw new SyntaxError(`not a tag: ${clip(text)}`);
    tags[name as Tag] = decodeText(value.replace(/\\([,= ])/g, '$1'));
  }
  return tags;
}

function parseFields(text: string): Fields {
  const fields: Partial<Record<Field, Count>> = {};
  for (const part of text.split(',')) {
    const [, name = '', digits = ''] = /^([a-z_]+)=([0-9]{1,19})i$/.exec(part) ?? [];
    if (!FIELD_NAMES.has(name)) throw new SyntaxError(`not an integer field: ${clip(part)}`);
    fields[name as Field] = toCount(BigInt(digits));
  }
  return fields;
}

function clip(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}
