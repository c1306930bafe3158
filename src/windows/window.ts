/** The width of one stored point. */
export const BUCKETS = ['1h', '1d'] as const;
export type Bucket = (typeof BUCKETS)[number];

/** Half-open `[start, end)`, Unix seconds. On its way to the store always a whole number of buckets. */
export interface Window {
  readonly start: number;
  readonly end: number;
}
