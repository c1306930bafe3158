import type { Fields, Tag, Tags } from '../usage/point.ts';

/** The width of one step of a series. A day, week (from Monday) or month is the zone's own: 23 to 25 hours a day. */
export type Step = 'hour' | 'day' | 'week' | 'month';

/** Series whose tag has one of the values; an empty text stands for series without the tag. */
export interface TagFilter {
  readonly tag: Tag;
  readonly values: readonly string[];
  /** Series that have none of the values. */
  readonly negate?: boolean;
}

/** Points of hour and day buckets must not be added up: filter by `bucket`, or group by it. */
export interface SeriesQuery {
  /** `[start, end)`, Unix seconds. */
  readonly start: number;
  readonly end: number;
  readonly step: Step;
  readonly zone: string;
  /** Up to two tags to group by; none gives one series. */
  readonly by: readonly Tag[];
  readonly filters?: readonly TagFilter[];
  /** The groups with the largest sum of `field` over the whole range, ties by tag values; all others become one. */
  readonly top?: { readonly count: number; readonly field: keyof Fields };
}

export interface SeriesStep {
  /** The start of the step, Unix seconds: never before the start of the step that holds the query's `start`. */
  readonly time: number;
  /** Exact sums; a field that no point of the step has is absent. */
  readonly fields: Fields;
}

/** One group. Steps without points are absent. */
export interface SeriesRow {
  /** The grouping tags; a tag that the group's series lack is absent. Empty for the rest. */
  readonly tags: Tags;
  /** True for the rest beyond the top groups, which comes last. */
  readonly other: boolean;
  readonly steps: readonly SeriesStep[];
  /** Sums over the whole range. */
  readonly total: Fields;
}
