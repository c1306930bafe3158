import type { Fields, Point, Tag, Tags } from '../usage/point.ts';
import { TokentideError } from '../lib/errors.ts';
import type { SeriesQuery, SeriesRow } from './series-query.ts';

/** A point the store rejects permanently, with the store's reason. */
export interface Rejection {
  readonly point: Point;
  readonly reason: string;
}

/** Outcome of one write: every point is in exactly one of the three. */
export interface WriteResult {
  /** Acknowledged by the store. */
  readonly accepted: number;
  /** Rejected permanently: kept as dead letters, never sent again. */
  readonly rejected: readonly Rejection[];
  /**
   * Not written, to be retried later; `error` holds the reason. The same objects as in the write and in its order,
   * but not necessarily its last ones: points between them may have been accepted or rejected.
   */
  readonly kept: readonly Point[];
  readonly error?: StoreError;
}

/** Points of one measurement in a range. */
interface Selection {
  /** Default: usage. */
  readonly measurement?: string;
  /** `[start, end)`, Unix seconds. */
  readonly start: number;
  readonly end: number;
  /** Only series with these tag values; an empty value selects series without the tag. */
  readonly where?: Tags;
}

export interface SumQuery extends Selection {
  /** Grouping tags; none gives one row. */
  readonly by: readonly Tag[];
}

export interface RemoveQuery extends Selection {
  readonly where: Tags;
}

export interface PointQuery extends Selection {
  /** Only points whose tag has one of the values. */
  readonly among?: { readonly tag: Tag; readonly values: readonly string[] };
}

export interface SumRow {
  /** The grouping tags; a tag that a series lacks is absent. */
  readonly tags: Tags;
  /** Exact sums; a field without any value is absent. */
  readonly fields: Fields;
}

/** Destination of points. Same measurement, tags and time is the same point: a later write overwrites. */
export interface Store {
  /** For people: `InfluxDB 2 at http://localhost:8086, bucket usage`. No credentials. */
  readonly description: string;
  /** Identifies the stored data; differs when points would go elsewhere. No credentials. */
  readonly identity: string;
  /** Identities under which the same data may have been recorded before. */
  readonly formerIdentities?: readonly string[];
  /** False if points cannot be overwritten reliably: only final buckets are written then. */
  readonly overwrites: boolean;
  /** False if points cannot be removed, as in InfluxDB 3. Absent: true. */
  readonly deletes?: boolean;
  /** Writes in order; resolves when the store has acknowledged or given up. @throws StoreError on a configuration error. */
  write(points: readonly Point[], signal?: AbortSignal): Promise<WriteResult>;
  /** @throws StoreError */
  sums(query: SumQuery): Promise<SumRow[]>;
  /** Sums by time step and tags, for people: never delays a write. @throws StoreError */
  series(query: SeriesQuery): Promise<SeriesRow[]>;
  /** The points themselves, in any order, all in memory. @throws StoreError */
  points(query: PointQuery): Promise<Point[]>;
  /** Removes the points of `[start, end)` with these tag values, if the server can. @throws StoreError */
  remove(query: RemoveQuery): Promise<void>;
  /** Self-test: writes to a scratch measurement, reads it back, cleans up. Resolves to warnings. @throws StoreError */
  check(): Promise<string[]>;
  close(): Promise<void>;
}

export type StoreErrorKind =
  /** Wrong address, token, database or version: needs a person. */
  | 'config'
  /** Down, overloaded or full: retried later. */
  | 'unavailable';

export class StoreError extends TokentideError {
  override readonly name = 'StoreError';
  readonly kind: StoreErrorKind;
  override readonly hint: string | undefined;

  constructor(kind: StoreErrorKind, message: string, details: { hint?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.hint = details.hint;
  }
}
