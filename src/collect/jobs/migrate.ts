import type { Ledger } from '../../ledger/ledger.ts';
import type { SpooledLine } from '../../ledger/spool.ts';
import type { Store } from '../../store/store.ts';
import type { Tags } from '../../usage/point.ts';
import { toLine } from '../../usage/line-protocol.ts';
import { seriesKey } from '../../usage/series.ts';
import { bucketEnd, bucketStart } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { isHeldBack } from '../delivery/held-back.ts';
import { toPoints } from '../delivery/to-points.ts';
import { isSameStore, type Identity } from './identity.ts';
import type { Job } from '../job.ts';
import { TokentideError } from '../../lib/errors.ts';
import { HOUR } from '../../windows/units.ts';

export interface Migration {
  readonly ledger: Ledger;
  /** `deletes` is false where the server cannot delete points: InfluxDB 3. */
  readonly store: Store & { readonly deletes?: boolean };
  readonly job: Job;
  readonly before: Identity;
  readonly after: Identity;
  /** Unix seconds. */
  readonly now: number;
}

/** Days searched backwards for a boundary that the old and the new buckets have in common. */
const DAYS_BACK = 3;

/** Old and new buckets have no common boundary: keeping the old points would leave a gap or an overlap. */
export class NoCommonBoundary extends TokentideError {
  override readonly name = 'NoCommonBoundary';
  readonly kind = 'no_common_boundary';
  override readonly hint = 'use --drop-old: it deletes the old points and reads everything again';
}

/**
 * Deletes every point that the job stored under its old settings and resets its ledger, so that everything is read
 * again. If the store has changed, the old one is not touched. @throws StoreError
 */
export async function dropOld({ ledger, store, job, before, after }: Migration): Promise<void> {
  if (isSameStore(before.store, store)) await store.remove({ start: 0, end: FAR, where: oldTags(before) });
  ledger.commit(() => {
    ledger.forget(job.name);
    ledger.jobs.save(job.name, { identity: JSON.stringify(after), clock: 0, rangeEnd: undefined });
  });
}

/**
 * Keeps the old points up to a boundary that old and new buckets have in common, and collects with the new settings
 * from there. Kept points are no longer revised. Resolves to that boundary, Unix seconds.
 * @throws StoreError, NoCommonBoundary
 */
export async function keepOld(migration: Migration): Promise<number> {
  const { ledger, store, job, before, after } = migration;
  const isSame = isSameStore(before.store, store);
  const canDelete = store.deletes !== false;
  const from = isSame && !canDelete ? boundaryAfterStored(migration) : boundaryBeforeSpooled(migration);
  if (from === undefined) {
    throw new NoCommonBoundary(
      `${before.bucket} buckets in ${before.zone} and ${job.bucket} buckets in ${job.zone} have no common boundary`,
    );
  }
  const isUnwritten = isHeldBack(ledger, job.name) || (isSame && !store.overwrites);
  const unwritten = isUnwritten ? heldBack(migration, from) : [];
  const isSameAccount = before.provider === after.provider && before.account === after.account;
  if (isSame && canDelete) await store.remove({ start: from, end: FAR, where: oldTags(before) });
  ledger.commit(() => {
    const rangeEnd = ledger.jobs.of(job.name)?.rangeEnd;
    // A store that deletes nothing keeps its old points up to the boundary: those in the spool are some of them.
    const spooled = canDelete ? [] : ledger.spool.oldest(job.name, Number.MAX_SAFE_INTEGER);
    ledger.forget(job.name, isSameAccount ? ['allowed_value', 'lateness', 'reconciliation'] : []);
    ledger.spool.add([...spooled, ...unwritten]);
    // Kept buckets count as final: they are never read again.
    if (job.start < from) {
      ledger.checkpoints.add(
        job.name,
        { start: job.start, end: from, readAt: from + job.lookback },
        job.lookback,
      );
    }
    const kept = isSameAccount ? rangeEnd : undefined;
    ledger.jobs.save(job.name, { identity: JSON.stringify(after), clock: 0, rangeEnd: kept });
  });
  return from;
}

/** Later than any point. */
const FAR = 4_102_444_800;
const ALL: Window = { start: 0, end: FAR };

/** The newest common boundary. Spooled points have the old tags: they are dropped and read again. */
function boundaryBeforeSpooled({ ledger, job, before, now }: Migration): number | undefined {
  const [waiting] = ledger.spool.oldest(job.name, 1);
  const newest = Math.min(now, waiting?.time ?? now);
  const oldest = newest - DAYS_BACK * 24 * HOUR;
  let from = bucketStart(newest, job.bucket, job.zone);
  while (from >= oldest && !isBoundary(before, from)) from = bucketStart(from - 1, job.bucket, job.zone);
  return from >= oldest ? from : undefined;
}

/** The first common boundary after the points that a store without deletion already holds. */
function boundaryAfterStored({ ledger, job, before, now }: Migration): number | undefined {
  const unwritten = ledger.lastAnswers
    .of(job.name, ALL)
    .values()
    .map(({ time }) => time);
  const lastPoll = ledger.jobs.of(job.name)?.clock ?? now;
  const stored = unwritten.reduce(
    (first, time) => Math.min(first, time),
    bucketStart(lastPoll - job.lookback, before.bucket, before.zone),
  );
  let from = bucketEnd(stored - 1, job.bucket, job.zone);
  while (from <= now && !isBoundary(before, from)) from = bucketEnd(from, job.bucket, job.zone);
  return from <= now ? from : undefined;
}

function isBoundary({ bucket, zone }: Identity, time: number): boolean {
  return bucketStart(time, bucket, zone) === time;
}

/** Buckets before the boundary that are not final yet, to be stored under the old settings. */
function heldBack({ ledger, job, before }: Migration, from: number): SpooledLine[] {
  const { account, bucket, zone } = before;
  const old: Job = { ...job, provider: { ...job.provider, id: before.provider }, account, bucket, zone };
  const records = ledger.lastAnswers.of(job.name, { start: 0, end: from }).values();
  return toPoints({ job: old, ledger, observe: () => undefined }, records).points.map((point) => ({
    job: job.name,
    time: point.time,
    end: bucketEnd(point.time, bucket, zone),
    series: seriesKey(point.tags),
    line: toLine(point),
  }));
}

function oldTags({ provider, account, bucket }: Identity): Tags {
  return { provider, account, bucket };
}
