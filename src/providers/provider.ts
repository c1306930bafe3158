import type { z } from 'zod';
import type { Http } from '../fetch/http.ts';
import type { Tags, UsageRecord } from '../usage/point.ts';
import type { Bucket, Window } from '../windows/window.ts';

/** How often a provider may be asked. */
export interface RateLimit {
  /** Requests per second on average, for one host and credential. */
  readonly perSecond: number;
  /** Requests under way at once. */
  readonly concurrency: number;
  /** Where the numbers come from: a vendor page, or the reason for a cautious guess. */
  readonly source: string;
}

/** What has to be asked separately inside a window: a member, a key, an endpoint, or the whole account. */
export interface Partition {
  /** Stable and unique within the job: it names the partition in the ledger. */
  readonly id: string;
  /** The tags that all its usage carries, where they are known before asking: `{ user }`, `{ key }`. */
  readonly tags?: Tags;
}

/** Why a row of an answer was left out. A bounded set: it labels a metric. */
export const DROP_REASONS = [
  'outside_window',
  'duplicate',
  'unknown_type',
  'unidentified',
  'other_model',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

export interface ReadResult {
  /** One record per series and bucket of the window; for a provider of totals one per series, at the window's start. */
  readonly records: readonly UsageRecord[];
  /** Rows that were left out, counted by reason. */
  readonly dropped?: Readonly<Partial<Record<DropReason, number>>>;
}

export interface ReadRequest {
  /** A whole number of buckets in the job's zone. */
  readonly window: Window;
  readonly bucket: Bucket;
  /** The zone whose hours and days the buckets are. */
  readonly zone: string;
  /** At most `batchSize` partitions, all from `partitions()`. */
  readonly partitions: readonly Partition[];
  /** How this account's API takes the end of a range, for providers of totals (see docs/windows.md). */
  readonly rangeEnd?: 'exclusive' | 'inclusive';
  readonly signal: AbortSignal;
}

/** One job's open connection to its provider. */
export interface Source {
  /** `series`: an answer holds every bucket of the window. `totals`: one total per series for the whole window. */
  readonly reads: 'series' | 'totals';
  /** The most partitions that one request takes. */
  readonly batchSize: number;
  /** What exists now; asked at every poll, so that new members, keys and endpoints are found. @throws FetchError */
  partitions(signal: AbortSignal): Promise<Partition[]>;
  /** @throws FetchError; `refused` where the request itself is at fault. */
  read(request: ReadRequest): Promise<ReadResult>;
  /**
   * The provider's own totals for a range of whole days, obtained apart from the buckets that `read` gives,
   * with as many tags as the total has. Absent, or undefined, where the provider has none. @throws FetchError
   */
  totals?(request: ReadRequest): Promise<readonly UsageRecord[] | undefined>;
  /** Findings of use to the person who set up the job, for `tokentide check`. */
  notes?(): string[];
}

/** Small facts that a provider remembers across restarts, per job: an endpoint's model, say. Never a credential. */
export interface State {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
}

export interface Context {
  readonly http: Http;
  readonly state: State;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** One vendor API dialect. */
export interface Provider<Options = unknown> {
  readonly id: string;
  readonly title: string;
  readonly docsUrl: string;
  /** What a job's `options:` may hold; strict. The one source of types, JSON schema and option docs. */
  readonly options: z.ZodType<Options>;
  /** The zone of the vendor's own hours and days. */
  readonly zone: string;
  /** The bucket widths the vendor has, and the longest window of each that one request may ask for, in days. */
  readonly buckets: Readonly<Partial<Record<Bucket, { readonly maxDays: number }>>>;
  readonly defaultBucket: Bucket;
  readonly rate: RateLimit;
  /** How far back the vendor answers, in days, where it is known. */
  readonly retentionDays?: number;
  /** How long the vendor may take over one answer, where that is longer than the HTTP layer waits by default. */
  readonly timeoutMs?: number;
  /** The URL whose host the rate limit belongs to. */
  baseUrl(options: Options): string;
  connect(options: Options, context: Context): Source;
}

/** Keeps a provider's own option type while it is defined, and hides it from those who only run it. */
export function defineProvider<Options>(provider: Provider<Options>): Provider {
  return provider;
}
