import type { Ledger } from '../../ledger/ledger.ts';
import type { Store } from '../../store/store.ts';
import type { Tags } from '../../usage/point.ts';
import { bucketStart } from '../../windows/calendar.ts';
import { DISCOVERED } from '../poll/partitions.ts';
import { isSameStore, type Identity } from './identity.ts';
import type { Job } from '../job.ts';

export interface Migration {
  readonly ledger: Ledger;
  readonly store: Store;
  readonly job: Job;
  readonly before: Identity;
  readonly after: Identity;
  /** Unix seconds. */
  readonly now: number;
}

/** Days searched backwards for a boundary that the old and the new buckets have in common. */
const DAYS_BACK = 3;
const HOUR = 3600;

/** Old and new buckets have no common boundary: keeping the old points would leave a gap or an overlap. */
export class NoCommonBoundary extends Error {
  override readonly name = 'NoCommonBoundary';
  readonly hint = 'use --drop-old: it deletes the old points and reads everything again';
}

/**
 * Deletes every point that the job stored under its old settings and resets its ledger, so that everything is read
 * again. If the store has changed, the old one is not touched. @throws StoreError
 */
export async function dropOld({ ledger, store, job, before, after }: Migration): Promise<void> {
  if (isSameStore(before.store, store)) await store.remove({ start: 0, end: FAR, where: oldTags(before) });
  ledger.commit(() => {
    forget(ledger, job.name);
    ledger.jobs.save(job.name, { identity: JSON.stringify(after), clock: 0, rangeEnd: undefined });
  });
}

/**
 * Keeps the old points up to the newest boundary that old and new buckets have in common, and collects with the new
 * settings from there. Kept points are no longer revised. Resolves to that boundary, Unix seconds.
 * @throws StoreError, NoCommonBoundary
 */
export async function keepOld({ ledger, store, job, before, after, now }: Migration): Promise<number> {
  // Spooled points have the old tags: they are dropped and read again.
  const [waiting] = ledger.spool.oldest(job.name, 1);
  const from = commonBoundary(before, job, Math.min(now, waiting?.time ?? now));
  if (from === undefined) {
    throw new NoCommonBoundary(
      `${before.bucket} buckets in ${before.zone} and ${job.bucket} buckets in ${job.zone} have no common boundary`,
    );
  }
  if (isSameStore(before.store, store)) await store.remove({ start: from, end: FAR, where: oldTags(before) });
  ledger.commit(() => {
    const rangeEnd = ledger.jobs.of(job.name)?.rangeEnd;
    forget(ledger, job.name);
    // Kept buckets count as final: they are never read again.
    if (job.start < from) {
      ledger.checkpoints.add(
        job.name,
        { start: job.start, end: from, readAt: from + job.lookback },
        job.lookback,
      );
    }
    const kept =
      before.provider === after.provider && before.account === after.account ? rangeEnd : undefined;
    ledger.jobs.save(job.name, { identity: JSON.stringify(after), clock: 0, rangeEnd: kept });
  });
  return from;
}

/** Later than any point. */
const FAR = 4_102_444_800;

function commonBoundary(before: Identity, job: Job, now: number): number | undefined {
  let from = bucketStart(now, job.bucket, job.zone);
  for (
    const oldest = now - DAYS_BACK * 24 * HOUR;
    from >= oldest;
    from = bucketStart(from - 1, job.bucket, job.zone)
  ) {
    if (bucketStart(from, before.bucket, before.zone) === from) return from;
  }
  return undefined;
}

function oldTags({ provider, account, bucket }: Identity): Tags {
  return { provider, account, bucket };
}

function forget(ledger: Ledger, job: string): void {
  for (const table of [
    ledger.checkpoints,
    ledger.gaps,
    ledger.lastAnswers,
    ledger.spool,
    ledger.overflowParts,
    ledger.partitions,
  ])
    table.clear(job);
  for (const key of ['backfill', DISCOVERED]) ledger.state.set(job, key, '');
}
