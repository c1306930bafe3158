import type { Measurement, USAGE } from '../src/usage/catalogue.ts';

export type UsageTag = keyof typeof USAGE.tags;
export type UsageField = keyof typeof USAGE.fields;

/** The hours that start in the dashboard's range. Grafana makes it closed at both ends. */
export const RANGE = '$timeFilter';
/** The range of the same length before it. InfluxQL takes no multiple of a time, hence the sum. */
export const PREVIOUS_RANGE = 'time >= ${__from}ms - (${__to}ms - ${__from}ms) AND time < ${__from}ms';
/** One width of bucket: adding hours and days would count twice. */
export const BUCKET = `"bucket" = '$bucket'`;

export interface Select {
  readonly columns: readonly string[];
  /** A measurement, or complete statements whose columns have the same names. */
  readonly from: Measurement | readonly string[];
  readonly where?: readonly string[];
  readonly by?: readonly string[];
  /** `GROUP BY time(...)`: a duration, or a variable that holds one. */
  readonly step?: string;
  readonly fill?: 'none' | 0;
  /** The zone of days and of longer steps. */
  readonly zone?: string;
  /** For example `ORDER BY time DESC LIMIT 1`. */
  readonly tail?: string;
}

/**
 * One InfluxQL statement. The time filter of a sub-query belongs into the sub-query alone: a second one outside
 * empties it where a bound is not on the hour and `fill(0)` is used.
 */
export function select({ columns, from, where = [], by = [], step, fill, zone, tail }: Select): string {
  const source = isStatements(from) ? from.map((statement) => `(${statement})`).join(', ') : name(from.name);
  const groups = [...(step === undefined ? [] : [`time(${step})`]), ...by.map(name)];
  return [
    `SELECT ${columns.join(', ')} FROM ${source}`,
    where.length > 0 && `WHERE ${where.join(' AND ')}`,
    groups.length > 0 && `GROUP BY ${groups.join(', ')}`,
    fill !== undefined && `fill(${fill})`,
    tail,
    zone !== undefined && `tz('${zone}')`,
  ]
    .filter(Boolean)
    .join(' ');
}

/** An identifier. `${...}` in it is a variable of Grafana's. */
export const name = (identifier: string): string => `"${identifier}"`;

export const sum = (field: string, as: string = field): string => `sum(${name(field)}) AS ${name(as)}`;

/**
 * The series whose tag is one of a variable's values; all of them, also those without the tag, where it is set to All.
 * `:regex` is right for any name; without it some versions of Grafana escape twice.
 */
export const matches = (tag: string, variable: string = tag): string =>
  `${name(tag)} =~ /^\${${variable}:regex}$/`;

/** The series that have the tag. Without it Grafana shows a nameless one, often as the largest. */
export const has = (tag: string): string => `${name(tag)} =~ /.+/`;

function isStatements(from: Select['from']): from is readonly string[] {
  return Array.isArray(from);
}
