import { USAGE } from '../src/usage/catalogue.ts';
import { OTHER } from './colours.ts';
import type { Query } from './dashboard.ts';
import { BUCKET, has, matches, name, PREVIOUS_RANGE, RANGE, select, sum, type UsageTag } from './influxql.ts';
import { series } from './panels.ts';
import { text, type Text } from './text.ts';
import { FILTER_TAGS, USAGE_FILTERS } from './variables.ts';

/** The parts of queries on `llm_token_usage` that several dashboards have. */

/** What the variables of a usage dashboard leave. */
export const FILTER = [BUCKET, ...USAGE_FILTERS];

/** A description with the sentence about the source at its end. */
export const described = (en: string, chinese: string): Text =>
  text(
    `${en} From llm_token_usage: buckets that start in the range; the open one still grows.`,
    `${chinese}数据来自 llm_token_usage：统计在所选时间范围内开始的时间段；当前未结束的时间段仍在增长。`,
  );

/** For links: the filter without the tag whose value was chosen. Of one variable twice both values would count. */
export const keep = (chosen: UsageTag, tags: readonly UsageTag[] = FILTER_TAGS): string =>
  [...tags.filter((tag) => tag !== chosen), 'bucket', 'zone']
    .map((each) => `\${${each}:queryparam}`)
    .join('&');

/** A query of the range, and of the range of the same length before it. */
export interface NowAndBefore {
  readonly now: string;
  readonly before: string;
}

/** @param query one row with one column, of a range and by a name */
export const inBothRanges = (query: (range: string, as: string) => string): NowAndBefore => ({
  now: query(RANGE, 'now'),
  before: query(PREVIOUS_RANGE, 'before'),
});

export const nowAndBefore = (expression: string, where: readonly string[] = FILTER): NowAndBefore =>
  inBothRanges((range, as) =>
    select({ columns: [`${expression} AS ${name(as)}`], from: USAGE, where: [...where, range] }),
  );

/** The tokens of each value of a tag as `t`. */
export const totalsOf = (tag: string, ...where: string[]): string =>
  select({ columns: [sum('tokens', 't')], from: USAGE, where: [...FILTER, has(tag), ...where], by: [tag] });

/** The values of a tag with the most tokens. */
export const largest = (tag: string, count: number): string =>
  select({ columns: [`top("t", ${name(tag)}, ${count}) AS "tokens"`], from: [totalsOf(tag, RANGE)] });

/** How many values of a tag have usage. */
export const distinct = (tag: string): NowAndBefore =>
  inBothRanges((range, as) =>
    select({ columns: [`count("t") AS ${name(as)}`], from: [totalsOf(tag, range)], where: ['"t" > 0'] }),
  );

/** Cached input / input, of the accounts that report cached input: to the others it is unknown, not 0. */
export function cachedShare(): NowAndBefore {
  return inBothRanges((range, as) => {
    const accounts = select({
      columns: [sum('cached_input_tokens', 'c'), sum('input_tokens', 'i')],
      from: USAGE,
      where: [...FILTER, range],
      by: ['provider', 'account'],
    });
    return select({
      columns: [`sum("c") / sum("i") AS ${name(as)}`],
      from: [accounts],
      where: ['"c" >= 0'],
    });
  });
}

/** Steps of a chart. */
export interface Steps {
  readonly step: string;
  readonly fill: 'none';
  readonly zone: string;
}

export const AUTOMATIC: Steps = { step: '$__interval', fill: 'none', zone: '$zone' };
export const DAYS: Steps = { step: '1d', fill: 'none', zone: '$zone' };

/** The values of a hidden top variable by name, and the rest as one series: together every token of the filter. */
export function topAndOther(
  tag: string,
  variable: string,
  steps: Steps,
  { column = sum('tokens'), filter = FILTER } = {},
): Query[] {
  const query = (by: readonly string[], ...where: string[]): string =>
    select({ columns: [column], from: USAGE, where: [...filter, ...where, RANGE], by, ...steps });
  // A variable without values matches series without the tag: they belong to the rest.
  const rest = `(${name(tag)} !~ /^\${${variable}:regex}$/ OR ${name(tag)} = '')`;
  return [
    series(query([tag], matches(tag, variable), has(tag)), `$tag_${tag}`),
    series(query([], rest), OTHER),
  ];
}
