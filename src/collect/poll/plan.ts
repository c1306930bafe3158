import { ALL_PARTITIONS, type Gap } from '../../ledger/gaps.ts';
import { bucketStart, splitByDays } from '../../windows/calendar.ts';
import { finalWindows } from '../../windows/checkpoints.ts';
import { subtract } from '../../windows/intervals.ts';
import { plan, type Plan } from '../../windows/planner.ts';
import type { Window } from '../../windows/window.ts';
import { maxDays, type JobContext } from '../context.ts';
import { SPOOL_FULL } from '../delivery/deliver.ts';

/** Long reads of totals are cut into steps of this many days, so that an interrupted one resumes close to where it stopped. */
const TOTALS_STEP_DAYS = 30;

/**
 * What the job has to read at `at` (Unix seconds), according to the ledger.
 * @param retryUntil gaps whose next try is later than this are left out
 */
export function planJob(context: JobContext, at: number, retryUntil = at): Plan {
  const { job, ledger, ages } = context;
  return plan({
    now: at,
    start: job.start,
    ...(job.end !== undefined && { end: job.end }),
    bucket: job.bucket,
    zone: job.zone,
    lookback: job.lookback,
    ages,
    maxDays: maxDays(context),
    checkpoints: ledger.checkpoints.of(job.name),
    postponed: postponedGaps(context, retryUntil),
  });
}

/** Whether anything is to be read at `at`. A job whose `end` has passed mostly has nothing. */
export function hasWork({ job, ledger }: JobContext, { open, due, backlog }: Plan, at: number): boolean {
  const isDue = ({ partition, nextTry }: Gap): boolean => partition !== ALL_PARTITIONS && nextTry <= at;
  return open.length + due.length + backlog.length > 0 || ledger.gaps.openOf(job.name).some(isDue);
}

/** Gaps of all partitions that are not to be read now. */
function postponedGaps({ job, ledger }: JobContext, retryUntil: number): Gap[] {
  const storeWaits = ledger.spool.oldest(job.name, 1).length > 0;
  return ledger.gaps.of(job.name).filter(
    ({ partition, expired, kind, nextTry }) =>
      partition === ALL_PARTITIONS &&
      (expired ||
        // What left the full spool is read again once the store has taken the rest.
        (kind === SPOOL_FULL && storeWaits) ||
        (kind === 'unexpected' && nextTry > retryUntil)),
  );
}

/**
 * Open bucket and due re-reads. For a provider of totals one range over all of them costs no more than each one
 * alone, as long as it leaves out final buckets, which are not compared any more, and the backlog.
 */
export function urgentWindows(context: JobContext, { open, due, backlog }: Plan, at: number): Window[] {
  const { job, source, ledger } = context;
  const windows = [...open, ...due];
  if (source.reads === 'series' || windows.length < 2) return windows;
  const hull = {
    start: Math.min(...windows.map(({ start }) => start)),
    end: Math.max(...windows.map(({ end }) => end)),
  };
  const final = finalWindows(ledger.checkpoints.of(job.name), job);
  return subtract([hull], [...final, ...backlog, ...postponedGaps(context, at)])
    .flatMap((window) => splitByDays(window, maxDays(context), job.zone))
    .toReversed();
}

/** The windows of a long read, cut so that it resumes close to where it was stopped. */
export function splitIntoSteps({ job, source }: JobContext, windows: readonly Window[]): Window[] {
  if (source.reads === 'series') return [...windows];
  return windows.flatMap((window) => splitByDays(window, TOTALS_STEP_DAYS, job.zone).toReversed());
}

/** Where the last answers of a window are: in the ledger within the lookback, before it only in the store. */
export function baselineOf({ job, now }: JobContext, window: Window): 'ledger' | 'store' {
  return window.start >= bucketStart(now() - job.lookback, job.bucket, job.zone) ? 'ledger' : 'store';
}
