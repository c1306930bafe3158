import type { Field, Fields, Tag, Tags } from '../usage/point.ts';

/** Width of a step. Days, weeks (from Monday) and months are those of the zone: a day has 23 to 25 hours. */
export type Step = 'hour' | 'day' | 'week' | 'month';

/** Series whose tag has one of the values; an empty value selects series without the tag. */
export interface TagFilter {
  readonly tag: Tag;
  readonly values: readonly string[];
  /** Select the series that have none of the values. */
  readonly negate?: boolean;
}

/** Hour and day buckets of the same usage must not be added: filter or group by `bucket`. */
export interface SeriesQuery {
  /** Default: usage. */
  readonly measurement?: string;
  /** `[start, end)`, Unix seconds. */
  readonly start: number;
  readonly end: number;
  readonly step: Step;
  readonly zone: string;
  /** Up to two grouping tags; none gives one series. */
  readonly by: readonly Tag[];
  /** All must match. */
  readonly filters?: readonly TagFilter[];
  /** Keep the groups with the largest sum of `field` over the whole range; the others are summed into one row. */
  readonly top?: { readonly count: number; readonly field: Field };
}

export interface SeriesStep {
  /** Start of the step, Unix seconds; the first step may start before the query does. */
  readonly time: number;
  /** Exact sums; a field without any value is absent. */
  readonly fields: Fields;
}

/** One group. Steps without points are absent. */
export interface SeriesRow {
  /** The grouping tags; absent tags are absent. Empty for the rest. */
  readonly tags: Tags;
  /** True for the sum of the groups beyond `top`, which is the last row. */
  readonly other: boolean;
  /** Ascending by time. */
  readonly steps: readonly SeriesStep[];
  /** Sums over the whole range. */
  readonly total: Fields;
}
