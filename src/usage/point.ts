import { USAGE, type ALERT, type HEALTH, type Measurement, type RECONCILIATION } from './catalogue.ts';
import type { Count } from './count.ts';

/** The measurement of a point that names none. */
export const MEASUREMENT = USAGE.name;

type Declared = typeof USAGE | typeof RECONCILIATION | typeof HEALTH | typeof ALERT;
type TagOf<M> = M extends Measurement<infer T> ? T : never;
type FieldOf<M> = M extends Measurement<string, infer F> ? F : never;

/** Every tag of the catalogue. */
export type Tag = TagOf<Declared>;
/** Every field of the catalogue. */
export type Field = FieldOf<Declared>;

/** Tags of usage points, sorted. */
export const TAGS = USAGE.tagNames;
/** Tags that come from the provider, sorted. */
export const DIMENSIONS = TAGS.filter((tag) => USAGE.tags[tag].from === 'provider');
/** Dimensions whose number of values a job limits, in the order of the catalogue. */
export const LIMITED_TAGS = (Object.keys(USAGE.tags) as (keyof typeof USAGE.tags)[]).filter(
  (tag) => USAGE.tags[tag].unbounded,
);
/** Fields that providers report; derived fields are added when a point is made. */
export const FIELDS = USAGE.fieldNames.filter((field) => !USAGE.fields[field].derived);

/** Tag values. An unknown tag is absent; an empty string is never stored. */
export type Tags = Readonly<Partial<Record<Tag, string>>>;
/** Field values; which kind of number depends on the field. An unknown value is absent. */
export type Fields = Readonly<Partial<Record<Field, Count>>>;

/** What a provider reports: usage of one series in one bucket, before the job's own tags are added. */
export interface UsageRecord {
  /** Start of the bucket, Unix seconds. */
  readonly time: number;
  readonly tags: Tags;
  readonly fields: Fields;
}

/** A stored point. Same measurement, tags and time: same point. */
export interface Point extends UsageRecord {
  /** A name of the catalogue; absent for usage. */
  readonly measurement?: string;
}
