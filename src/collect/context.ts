import type { FetchErrorKind } from '../fetch/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Partition, Source } from '../providers/provider.ts';
import type { Store } from '../store/store.ts';
import type { Observe } from './events.ts';
import type { Job } from './job.ts';

/** The last listing of partitions in this process. */
export interface Listing {
  partitions: readonly Partition[];
  /** Unix seconds; undefined before the first listing. */
  at: number | undefined;
  /** Something was read that the listing does not explain, such as a partition that the provider refuses. */
  isDoubtful: boolean;
}

/** Requests to the provider in this process, by result. */
export interface CallCounts {
  ok: number;
  failed: number;
  /** Those of the failed ones that the provider denied: wrong credentials or a missing permission. */
  denied: number;
}

/** One job, connected: what every step of collecting works with. */
export interface JobContext {
  readonly job: Job;
  readonly source: Source;
  /** Ages at which a closed bucket is read again, from `refreshAges`. */
  readonly ages: readonly number[];
  readonly ledger: Ledger;
  readonly store: Store;
  readonly observe: Observe;
  /** Shared by all jobs: the store is not used before this time, Unix seconds. */
  readonly outage: { until: number };
  /** The most points that wait in the spool while the store is down. */
  readonly spoolLimit: number;
  readonly listing: Listing;
  readonly calls: CallCounts;
  /** Unix seconds. */
  readonly now: () => number;
}

/** The longest window the provider takes for the job's bucket, in days. */
export function maxDays({ job }: JobContext): number {
  return job.provider.buckets(job.options, job.dataset)[job.bucket]?.maxDays ?? 1;
}

export function noCalls(): CallCounts {
  return { ok: 0, failed: 0, denied: 0 };
}

/** Counts one request. */
export function countCall(calls: CallCounts, result: 'ok' | FetchErrorKind): void {
  calls[result === 'ok' ? 'ok' : 'failed'] += 1;
  if (result === 'credentials' || result === 'permission') calls.denied += 1;
}

export function emptyListing(): Listing {
  return { partitions: [], at: undefined, isDoubtful: false };
}
