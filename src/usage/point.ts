import type { Count } from './count.ts';

/** The measurement every usage point belongs to. */
export const MEASUREMENT = 'llm_token_usage';

/** Every tag a point may carry, sorted by name: the order of line protocol and of a series' identity. */
export const TAGS = [
  'account',
  'bucket',
  'endpoint',
  'key',
  'model',
  'model_source',
  'model_type',
  'project',
  'provider',
  'scene',
  'team',
  'user',
] as const;
export type Tag = (typeof TAGS)[number];

/** The tag `bucket` of reconciliation results. */
export const RECONCILE_BUCKET = 'reconcile';

/** Every field a point may carry. A field the provider does not report is absent, never 0. */
export const FIELDS = [
  /** All input, cached input included. */
  'input_tokens',
  'output_tokens',
  'total_tokens',
  'cached_input_tokens',
  'cache_write_tokens',
  'requests',
  'images',
  /** A reconciliation's two sums: only on points whose tag `bucket` is `RECONCILE_BUCKET`. */
  'reconciled_provider_tokens',
  'reconciled_stored_tokens',
] as const;
export type Field = (typeof FIELDS)[number];

/** Tag values. An unknown tag is absent; an empty string is never stored. */
export type Tags = Readonly<Partial<Record<Tag, string>>>;
export type Fields = Readonly<Partial<Record<Field, Count>>>;

/** What a provider reports: usage of one series in one bucket, before the job's own tags are added. */
export interface UsageRecord {
  /** Start of the bucket, Unix seconds. */
  readonly time: number;
  readonly tags: Tags;
  readonly fields: Fields;
}

/** A stored point: a usage record with the tags `provider`, `account` and `bucket`. Same tags and time: same point. */
export type Point = UsageRecord;
