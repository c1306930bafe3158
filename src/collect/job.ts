import type { Secret } from '../lib/secret.ts';
import type { Provider, RateLimit } from '../providers/provider.ts';
import type { Tag, Tags } from '../usage/point.ts';
import type { Bucket } from '../windows/window.ts';

/** One job as the collector runs it: a job file, validated, with defaults filled in and secrets resolved. */
export interface Job {
  readonly name: string;
  readonly provider: Provider;
  /** The tag `account`. */
  readonly account: string;
  /** Id of the provider's dataset that the job reads. */
  readonly dataset: string;
  /** Cron expression and the zone it is read in. */
  readonly schedule: string;
  readonly scheduleZone: string;
  readonly bucket: Bucket;
  /** The zone whose hours and days the buckets are. */
  readonly zone: string;
  /** First instant to collect, Unix seconds, on a bucket boundary. */
  readonly start: number;
  /** End of collection, exclusive. */
  readonly end?: number;
  /** How long a closed bucket is re-read, seconds. */
  readonly lookback: number;
  /** How far back the provider answers, seconds, where it is known. Gaps older than this expire. */
  readonly retention?: number;
  /** The provider's own options, as its schema returns them. */
  readonly options: unknown;
  /** The provider's request rate, or that of the job file. */
  readonly rate: RateLimit;
  /** The most distinct values a tag may take before further ones become `__other__`. */
  readonly tagLimits: Readonly<Partial<Record<Tag, number>>>;
  /** Present where users are stored under a keyed hash. */
  readonly pseudonymKey?: Secret;
  /** Present where users are mapped to a `team` tag: e-mail, lower case -> team. */
  readonly teams?: ReadonlyMap<string, string>;
}

/** The tags that every usage point of a job carries. */
export function jobTags({ provider, account, bucket }: Pick<Job, 'provider' | 'account' | 'bucket'>): Tags {
  return { provider: provider.id, account, bucket };
}
