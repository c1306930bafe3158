import type { Fields, Point, Tag, Tags } from '../usage/point.ts';

/** A point the store will never take, with the store's own reason. */
export interface Rejection {
  readonly point: Point;
  readonly reason: string;
}

/** What became of each point of one write: every point is in exactly one of the three. */
export interface WriteResult {
  /** Acknowledged by the store. */
  readonly accepted: number;
  /** Refused for good: kept as dead letters, never sent again. */
  readonly rejected: readonly Rejection[];
  /** Not written, in order, to be written again later; `error` says why. */
  readonly kept: readonly Point[];
  readonly error?: StoreError;
}

export interface SumQuery {
  /** `[start, end)`, Unix seconds. */
  readonly start: number;
  readonly end: number;
  /** Only series with these tag values. */
  readonly where?: Tags;
  /** The tags to group by; none gives one row. */
  readonly by: readonly Tag[];
}

export interface RemoveQuery {
  /** `[start, end)`, Unix seconds. */
  readonly start: number;
  readonly end: number;
  readonly where: Tags;
}

export interface PointQuery {
  /** `[start, end)`, Unix seconds. */
  readonly start: number;
  readonly end: number;
  /** Only series with these tag values. */
  readonly where?: Tags;
  /** Of these points only those with one of the values. */
  readonly among?: { readonly tag: Tag; readonly values: readonly string[] };
}

export interface SumRow {
  /** The grouping tags; a tag that a series lacks is absent. */
  readonly tags: Tags;
  /** Exact sums; a field that no point has is absent. */
  readonly fields: Fields;
}

/** Where points end. Same tags and time is the same point: a later write overwrites. */
export interface Store {
  /** What and where it is, for people: `InfluxDB 2 at http://localhost:8086, bucket usage`. No credentials. */
  readonly description: string;
  /** Which data it holds: changes when points would go somewhere else. No credentials. */
  readonly identity: string;
  /** False where a point cannot be overwritten dependably: only settled buckets are written there. */
  readonly overwrites: boolean;
  /** Writes in order; resolves when the store has acknowledged or given up. @throws StoreError on a configuration error. */
  write(points: readonly Point[], signal?: AbortSignal): Promise<WriteResult>;
  /** @throws StoreError */
  sums(query: SumQuery): Promise<SumRow[]>;
  /** The points themselves, in any order. Ask for few enough to hold. @throws StoreError */
  points(query: PointQuery): Promise<Point[]>;
  /** Removes the points of `[start, end)` with these tag values, where the server can. @throws StoreError */
  remove(query: RemoveQuery): Promise<void>;
  /** Connects, writes to a scratch measurement, reads it back and cleans up. Resolves to remarks. @throws StoreError */
  check(): Promise<string[]>;
  close(): Promise<void>;
}

export type StoreErrorKind =
  /** Wrong address, token, database, version: a person must act. */
  | 'config'
  /** Down, overloaded, full: later. */
  | 'unavailable';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly kind: StoreErrorKind;
  readonly hint: string | undefined;

  constructor(kind: StoreErrorKind, message: string, details: { hint?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.hint = details.hint;
  }
}
