import type { z } from 'zod';
import type { Http } from '../fetch/http.ts';
import type { Tags, UsageRecord } from '../usage/point.ts';
import type { Bucket, Window } from '../windows/window.ts';

/** The request rate that a vendor tolerates. */
export interface RateLimit {
  /** Requests per second on average. Jobs of one host share it. */
  readonly perSecond: number;
  /** The most requests in flight. */
  readonly concurrency: number;
  /** Where the numbers come from: a vendor page, or the reason for a cautious guess. */
  readonly source: string;
}

/** One kind of usage statistics of a provider; a job reads one. */
export interface Dataset {
  /** As in the job file: `dataset: usage`. */
  readonly id: string;
  readonly title: string;
  readonly defaultBucket: Bucket;
}

/** The dataset of providers that have only one. */
export const USAGE: Dataset = { id: 'usage', title: 'Usage', defaultBucket: '1h' };

/** Bucket widths, each with the longest window of one request. */
export type Buckets = Readonly<Partial<Record<Bucket, { readonly maxDays: number }>>>;

/** A part of an account that is requested separately: a member, a key, an endpoint, or the whole account. */
export interface Partition {
  /** Stable and unique within the job: it names the partition in the ledger. */
  readonly id: string;
  /** The tags of all its usage, if they are known before a request: `{ user }`, `{ key }`. */
  readonly tags?: Tags;
}

/** Why a row of an answer was discarded. A closed set: it is the label of a metric. */
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
  /** Discarded rows, counted by reason. */
  readonly dropped?: Readonly<Partial<Record<DropReason, number>>>;
  /** Usage before this time is final according to the vendor, Unix seconds. Absent if the vendor does not say. */
  readonly completeUntil?: number;
}

export interface ReadRequest {
  /** A whole number of buckets in the job's zone. */
  readonly window: Window;
  readonly bucket: Bucket;
  /** The time zone of the bucket boundaries. */
  readonly zone: string;
  /** At most `batchSize` partitions, all from `partitions()`. */
  readonly partitions: readonly Partition[];
  /** Whether the end of a range belongs to it in this account's API (see docs/windows.md). Only for `reads: 'totals'`. */
  readonly rangeEnd?: 'exclusive' | 'inclusive';
  readonly signal: AbortSignal;
}

/** One job's open connection to its provider. */
export interface Source {
  /** `series`: an answer has one value per bucket. `totals`: one total per series for the whole window. */
  readonly reads: 'series' | 'totals';
  /** The maximum number of partitions in one request. */
  readonly batchSize: number;
  /** What requests cost, for estimates. */
  readonly calls: CallCosts;
  /** The partitions that exist now: members, keys, endpoints. @throws FetchError */
  partitions(signal: AbortSignal): Promise<Partition[]>;
  /** @throws FetchError; `refused` if the request itself is at fault. */
  read(request: ReadRequest): Promise<ReadResult>;
  /**
   * The provider's own totals of whole days, independent of the buckets that `read` returns, with the tags that the
   * total has: one record per series and day, at the day's start; for a provider of totals one per series, at the
   * window's start. Absent, or undefined, if the provider has none. @throws FetchError
   */
  totals?(request: ReadRequest): Promise<readonly UsageRecord[] | undefined>;
  /** Warnings for the person who set up the job, shown by `tokentide check`. */
  warnings?(): string[];
}

/** Numbers of HTTP requests, for complete pages and without retries. */
export interface CallCosts {
  /** For one `partitions()` that returns `count` partitions. 0 if the list follows from the options of the job. */
  list(count: number): number;
  /** For one `read()`. */
  read(request: Pick<ReadRequest, 'window' | 'bucket' | 'zone' | 'partitions'>): number;
}

/** State of one job that survives restarts, such as the model of an endpoint. Never a credential. */
export interface State {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
}

export interface Context {
  readonly http: Http;
  /** Id of the dataset that the job reads. */
  readonly dataset: string;
  readonly state: State;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** One vendor API dialect. */
export interface Provider<Options = unknown> {
  readonly id: string;
  readonly title: string;
  readonly docsUrl: string;
  /** The schema of a job's `options:`; strict. Types, JSON schema and option docs follow from it. */
  readonly options: z.ZodType<Options>;
  /** The time zone of the vendor's hours and days. */
  readonly zone: string;
  /** The first one is the default. */
  readonly datasets: readonly [Dataset, ...Dataset[]];
  readonly rate: RateLimit;
  /** How far back the vendor keeps usage, in days, if known. */
  readonly retentionDays?: number;
  /** Timeout of one request, if the vendor needs longer than the default. */
  readonly timeoutMs?: number;
  /** The bucket widths that the vendor supports for a dataset. */
  buckets(options: Options, dataset: string): Buckets;
  /** The URL whose host the rate limit applies to. */
  baseUrl(options: Options): string;
  connect(options: Options, context: Context): Source;
}

/**
 * Checks a provider against its own option type and erases that type for the caller.
 *
 * @example
 * export const acme = defineProvider<Options>({
 *   id: 'acme',
 *   title: 'Acme',
 *   docsUrl: 'https://docs.acme.example/usage',
 *   options: z.strictObject({ api_key: SecretField.describe('Admin key.'), base_url: z.url() }),
 *   zone: 'UTC',
 *   datasets: [USAGE],
 *   buckets: () => ({ '1h': { maxDays: 7 }, '1d': { maxDays: 31 } }),
 *   rate: { perSecond: 1, concurrency: 2, source: 'https://docs.acme.example/limits' },
 *   baseUrl: (options) => options.base_url,
 *   connect: (options, { http }) => ({
 *     reads: 'series',
 *     batchSize: 1,
 *     calls: { list: () => 0, read: () => 1 },
 *     partitions: async () => [{ id: 'account' }],
 *     read: async ({ window, signal }) => {
 *       const answer = await http.call({
 *         action: 'usage',
 *         build: () => usageRequest(options, window),
 *         check: () => undefined,
 *         answer: UsageResponse,
 *         signal,
 *       });
 *       return { records: toRecords(answer) };
 *     },
 *   }),
 * });
 */
export function defineProvider<Options>(provider: Provider<Options>): Provider {
  return provider;
}
