import { parseLine, toLine } from '../../usage/line-protocol.ts';
import { MEASUREMENT, type Point } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import { bucketEnd } from '../../windows/calendar.ts';
import { ALL_PARTITIONS } from '../../ledger/gaps.ts';
import type { SpooledLine } from '../../ledger/spool.ts';
import { StoreError, type WriteResult } from '../../store/store.ts';
import type { JobContext } from '../context.ts';
import { leaseOf } from '../jobs/lease.ts';

const DRAIN_CHUNK = 5_000;
/** Gap kind of buckets that were dropped from a full spool. */
export const SPOOL_FULL = 'spool_full';
/** Counter of points dropped because the spool was full. */
const DROPPED = 'spool_dropped';
/** Seconds without writes after a failed one. Meanwhile points go straight to the spool. */
const STORE_PAUSE = 30;
/** Holds the lease of another job while its points are drained. */
const DRAIN = 'drain';

/** Writes points. Afterwards each of them is accepted, rejected permanently, or `kept` to be spooled. */
export async function deliver(
  context: JobContext,
  points: readonly Point[],
  signal?: AbortSignal,
): Promise<WriteResult> {
  if (points.length === 0) return { accepted: 0, rejected: [], kept: [] };
  // The spool goes first: a new value must not be overwritten by an older one.
  if (!(await drain(context, signal))) return { accepted: 0, rejected: [], kept: points };
  return write(context, points, signal);
}

/**
 * Writes spooled points: the job's own, then those of jobs that no process works on, such as jobs without a file.
 * True once the spool holds none of the job; false while the store is unavailable.
 */
export async function drain(context: JobContext, signal?: AbortSignal): Promise<boolean> {
  const { ledger, job } = context;
  if (!(await drainJob(context, job.name, signal))) return false;
  for (const other of ledger.spool.jobs()) {
    // Under its lease: a process that works on the job could be writing a newer value.
    if (other === job.name || !ledger.leases.take(leaseOf(other), DRAIN)) continue;
    try {
      if (!(await drainJob(context, other, signal))) break;
    } finally {
      ledger.leases.release(leaseOf(other), DRAIN);
    }
  }
  return true;
}

/** Writes the spooled points of a job, oldest bucket first. */
async function drainJob(context: JobContext, job: string, signal?: AbortSignal): Promise<boolean> {
  const { ledger, observe } = context;
  for (;;) {
    const waiting = ledger.spool.oldest(job, DRAIN_CHUNK);
    if (waiting.length === 0) return true;
    const result = await write(
      context,
      waiting.map(({ line }) => parseLine(line)),
      signal,
    );
    // The store writes in order, so kept points are the tail.
    const done = waiting.slice(0, waiting.length - result.kept.length);
    ledger.commit(() => ledger.spool.remove(done));
    const rejected = result.rejected.length;
    if (done.length > 0) {
      observe({ type: 'drained', job, points: done.length - rejected, rejected });
    }
    if (result.kept.length > 0) return false;
  }
}

/**
 * Adds points to the spool; call inside a commit. Above the limit, the oldest buckets are dropped and become gaps
 * that are read again.
 */
export function spool(context: JobContext, points: readonly Point[]): void {
  if (points.length === 0) return;
  const { ledger, spoolLimit } = context;
  ledger.spool.add(points.map((point) => toSpooled(context, point)));
  while (ledger.spool.size() > spoolLimit && dropOldest(context));
}

/** Points of the job dropped from the full spool so far. */
export function droppedPoints({ ledger, job }: JobContext): number {
  return ledger.counters.of(job.name)[DROPPED] ?? 0;
}

function dropOldest({ ledger, observe, now }: JobContext): boolean {
  const dropped = ledger.spool.dropOldest();
  if (!dropped) return false;
  const { window } = dropped;
  ledger.counters.add(dropped.job, DROPPED, dropped.points);
  observe({ type: 'spool_full', job: dropped.job, window, points: dropped.points });
  // A point that is no bucket, such as a reconciliation, cannot be read again.
  if (window.start === window.end) return true;
  ledger.lastAnswers.forget(dropped.job, window);
  ledger.checkpoints.remove(dropped.job, [window]);
  ledger.gaps.open(dropped.job, {
    ...window,
    partition: ALL_PARTITIONS,
    since: now(),
    kind: SPOOL_FULL,
    error: 'the spool was full; the bucket is read again once the store is available',
    attempts: 1,
    nextTry: now(),
    expired: false,
  });
  return true;
}

/** Makes the store ask its server what it can do, if that is still unknown. */
export async function reachStore(context: JobContext, signal?: AbortSignal): Promise<void> {
  await write(context, [], signal);
}

async function write(
  context: JobContext,
  points: readonly Point[],
  signal?: AbortSignal,
): Promise<WriteResult> {
  const { store, job, ledger, observe, now, outage } = context;
  const pause = outage.until - now();
  // A longer pause was set before the clock moved backwards.
  if (pause > 0 && pause <= STORE_PAUSE) return { accepted: 0, rejected: [], kept: points };
  const result = await attempt(() => store.write(points, signal), points);
  if (result.accepted > 0) observe({ type: 'stored', job: job.name, points });
  // A write that was cut off by a shutdown says nothing about the store.
  if (result.error && !signal?.aborted) {
    outage.until = now() + STORE_PAUSE;
    observe({ type: 'store_down', job: job.name, error: result.error, spooled: ledger.spool.size() });
  }
  return result;
}

/** A misconfigured store throws: the points are kept until somebody fixes it. */
async function attempt(run: () => Promise<WriteResult>, points: readonly Point[]): Promise<WriteResult> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { accepted: 0, rejected: [], kept: points, error };
  }
}

function toSpooled({ job }: JobContext, point: Point): SpooledLine {
  const { time, tags, measurement = MEASUREMENT } = point;
  const end = measurement === MEASUREMENT ? bucketEnd(time, job.bucket, job.zone) : time;
  return { job: job.name, time, end, series: seriesKey(tags), line: toLine(point) };
}
