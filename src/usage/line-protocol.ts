import { MAX_COUNT, toInteger, type Count } from './count.ts';
import { decodeText, encodeText, shortenText } from './tag-encoding.ts';
import {
  CATALOGUE,
  measurementNamed,
  type Catalogue,
  type FieldKind,
  type FieldSpec,
  type Measurement,
} from './catalogue.ts';
import { MEASUREMENT, type Field, type Fields, type Point, type Tag, type Tags } from './point.ts';

/** What a server can hold, in bytes as written in a line. */
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
 * One point as one line of line protocol, without a newline: tags sorted by name, fields in the order of the catalogue,
 * time in seconds. https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
 * @throws RangeError for a point without fields, an invalid value, or a time outside int64 nanoseconds
 */
export function toLine(
  point: Point,
  limits: LineLimits = NO_LIMITS,
  catalogue: Catalogue = CATALOGUE,
): string {
  const measurement = measurementNamed(catalogue, point.measurement ?? MEASUREMENT);
  return `${seriesOf(measurement, point.tags, limits)}${restOf(measurement, point)}`;
}

/** What precedes the value of a field, as the first of a line and after another field: made once per measurement. */
interface FieldText {
  readonly name: string;
  readonly kind: FieldKind;
  readonly first: string;
  readonly next: string;
}

const fieldTexts = new WeakMap<Measurement, readonly FieldText[]>();

function fieldTextsOf(measurement: Measurement): readonly FieldText[] {
  let texts = fieldTexts.get(measurement);
  if (!texts) {
    texts = measurement.fieldNames.map((name) => {
      const { kind } = measurement.fields[name]!;
      return { name, kind, first: ` ${name}=`, next: `,${name}=` };
    });
    fieldTexts.set(measurement, texts);
  }
  return texts;
}

/** What follows the series in a line: fields and time. @throws RangeError as `toLine` does */
export function restOf(measurement: Measurement, { fields, time }: Point): string {
  let rest = '';
  for (const { name, kind, first, next } of fieldTextsOf(measurement)) {
    const value = fields[name as Field];
    if (value === undefined) continue;
    const text = checkedValue(value, kind, name);
    rest += (rest === '' ? first : next) + text;
    if (kind !== 'float') rest += 'i';
  }
  if (rest === '') throw new RangeError('a point has no field');
  return `${rest} ${checkedTime(time)}`;
}

/** Measurement and tags as they appear in a line; tag values are shortened if they exceed the limits. */
export function seriesOf(measurement: Measurement, tags: Tags, limits: LineLimits): string {
  const series = joinSeries(measurement, tags, encodeText);
  return fits(measurement, series, tags, limits) ? series : joinSeries(measurement, tags, shortenText);
}

function joinSeries({ name, tagNames }: Measurement, tags: Tags, textOf: (value: string) => string): string {
  let series = name;
  for (const tag of tagNames) {
    const value = tags[tag as Tag];
    if (value) series += `,${tag}=${textOf(value).replace(/[,= ]/g, '\\$&')}`;
  }
  return series;
}

function fits({ tagNames }: Measurement, series: string, tags: Tags, limits: LineLimits): boolean {
  // A UTF-16 unit takes at most three bytes.
  if (series.length * 3 <= Math.min(limits.value, limits.series)) return true;
  if (Buffer.byteLength(series) > limits.series) return false;
  return tagNames.every((tag) => Buffer.byteLength(encodeText(tags[tag as Tag] ?? '')) <= limits.value);
}

const EXPECTED: Readonly<Record<FieldKind, string>> = {
  count: 'a count from 0 to 2^63-1',
  integer: 'a 64-bit integer',
  float: 'a finite number',
};

/** @throws RangeError for a value that the field cannot hold */
export function checkedValue(value: Count, kind: FieldKind, field: string): Count {
  if (!isValid(value, kind)) throw new RangeError(`${field} is not ${EXPECTED[kind]}: ${value}`);
  return value;
}

function isValid(value: Count, kind: FieldKind): boolean {
  if (kind === 'count' && value < 0) return false;
  if (typeof value === 'number')
    return kind === 'float' ? Number.isFinite(value) : Number.isSafeInteger(value);
  if (kind === 'float') return false;
  return value <= MAX_COUNT && value >= -MAX_COUNT - 1n;
}

export function checkedTime(time: number): number {
  if (!Number.isInteger(time) || Math.abs(time) > MAX_TIME)
    throw new RangeError(`time is not in whole Unix seconds: ${time}`);
  return time;
}

/** The inverse of `toLine`. @throws SyntaxError for anything else */
export function parseLine(line: string, catalogue: Catalogue = CATALOGUE): Point {
  // Unescaped separators only: `toLine` leaves no other backslash in front of one.
  const [series = '', fields = '', time = '', ...rest] = line.split(/(?<!\\) /);
  const [name = '', ...tags] = series.split(/(?<!\\),/);
  const measurement = catalogue.get(name);
  if (!measurement) throw new SyntaxError(`unknown measurement: ${clip(line)}`);
  if (rest.length > 0 || !/^-?[0-9]{1,10}$/.test(time))
    throw new SyntaxError(`no time in seconds at the end of: ${clip(line)}`);
  return {
    ...(name !== MEASUREMENT && { measurement: name }),
    time: Number(time),
    tags: parseTags(tags, measurement),
    fields: parseFields(fields, measurement),
  };
}

function parseTags(texts: readonly string[], measurement: Measurement): Tags {
  const tags: Partial<Record<Tag, string>> = {};
  for (const text of texts) {
    const [name = '', value, ...rest] = text.split(/(?<!\\)=/);
    if (!value || rest.length > 0 || !(name in measurement.tags))
      throw new SyntaxError(`not a tag: ${clip(text)}`);
    tags[name as Tag] = decodeText(value.replace(/\\([,= ])/g, '$1'));
  }
  return tags;
}

function parseFields(text: string, measurement: Measurement): Fields {
  const fields: Partial<Record<Field, Count>> = {};
  for (const part of text.split(',')) {
    const [, name = '', digits = ''] = /^([a-z_]+)=([^ ]+)$/.exec(part) ?? [];
    const value = parseValue(digits, measurement.fields[name]);
    if (value === undefined) throw new SyntaxError(`not a field: ${clip(part)}`);
    fields[name as Field] = value;
  }
  return fields;
}

function parseValue(text: string, spec: FieldSpec | undefined): Count | undefined {
  if (!spec) return undefined;
  if (spec.kind === 'float') {
    const value = Number(text);
    return Number.isFinite(value) && /[0-9]$/.test(text) ? value : undefined;
  }
  const pattern = spec.kind === 'count' ? /^[0-9]{1,19}i$/ : /^-?[0-9]{1,19}i$/;
  return pattern.test(text) ? toInteger(BigInt(text.slice(0, -1))) : undefined;
}

function clip(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}
