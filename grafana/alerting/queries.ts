import { HEALTH, USAGE, type Measurement } from '../../src/usage/catalogue.ts';
import { has, name, select, type UsageField, type UsageTag } from '../influxql.ts';

/** Queries of alert rules. They name their own times: only the first query of a rule gets the editor's range. */

/** Buckets that start within these hours before now. From one hour ago on it is the open bucket, whatever the minute. */
export const hours = (from: number, until = 0): string =>
  `time > now() - ${from}h AND time <= now()${until > 0 ? ` - ${until}h` : ''}`;

/** Hourly buckets: adding days to them would count twice. */
export const HOURLY = `"bucket" = '1h'`;

/** The tags of a series, and the filter for the one that names it: without it all others are one nameless series. */
export interface Dimension {
  readonly by: readonly UsageTag[];
  readonly where: readonly string[];
}

export const OF_KEYS: Dimension = { by: ['provider', 'account', 'key'], where: [has('key')] };
/** A user has one team, so it adds no series. */
export const OF_USERS: Dimension = { by: ['provider', 'account', 'team', 'user'], where: [has('user')] };
export const OF_MODELS: Dimension = { by: ['provider', 'account', 'model'], where: [has('model')] };
export const OF_ACCOUNTS: Dimension = { by: ['provider', 'account'], where: [] };
/** Some providers report users, others keys, both, or endpoints only. */
const CALLERS = ['user', 'key', 'endpoint'] as const;
export const OF_CALLERS: Dimension = {
  by: ['provider', 'account', 'team', ...CALLERS],
  where: [`(${CALLERS.map(has).join(' OR ')})`],
};

/** One number for each series: a column `x` of the usage in a range. */
export function usage({ by, where }: Dimension, range: string, column: string, ...filters: string[]): string {
  return select({
    columns: [`${column} AS "x"`],
    from: USAGE,
    where: [HOURLY, ...where, ...filters, range],
    by,
  });
}

/** The same in steps; steps without usage are left out, not 0. */
export function steps(
  { by, where }: Dimension,
  range: string,
  step: string,
  column: string,
  ...filters: string[]
): string {
  return select({
    columns: [`${column} AS "x"`],
    from: USAGE,
    where: [HOURLY, ...where, ...filters, range],
    by,
    step,
    fill: 'none',
  });
}

/** One number for each series from one or several statements with a column `x`. */
export const reduce = (of: string, by: readonly string[], ...statements: readonly string[]): string =>
  select({ columns: [`${of} AS "x"`], from: statements, by });

/**
 * The largest of what statements about the past answer, for every series of the present: 0 for those without a past.
 * Without the zeros such a series would drop out of the rule, or, alone on both sides, be compared with another series:
 * https://github.com/grafana/grafana/blob/main/pkg/expr/mathexp/exp.go (union)
 */
export function ofPast(dimension: Dimension, present: string, ...past: readonly string[]): string {
  return reduce(
    'max("x")',
    dimension.by,
    // A float: one integer column makes InfluxQL cut the fractions of all.
    usage(dimension, present, `0.0 * ${sumOf('tokens')}`),
    ...past,
  );
}

/** A sum over the past. */
export const pastSum = (dimension: Dimension, present: string, past: string): string =>
  ofPast(dimension, present, usage(dimension, past, sumOf('tokens')));

export const sumOf = (field: UsageField): string => `sum(${name(field)})`;

export const JOB_TAGS = HEALTH.tagNames;

/** A field of a measurement of jobs, one number for each job. */
export const ofJobs = (from: Measurement, column: string, range: string): string =>
  select({ columns: [`${column} AS "x"`], from, where: [range], by: JOB_TAGS });

/** The state at the last poll, for any schedule of at least one poll a day. */
export const LATEST = hours(26);
