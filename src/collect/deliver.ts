import { parseLine, toLine } from '../usage/line-protocol.ts';
import type { Point } from '../usage/point.ts';
import { seriesKey } from '../usage/series.ts';
import { bucketEnd } from '../windows/calendar.ts';
import { EVERYTHING } from '../ledger/gaps.ts';
import type { SpooledLine } from '../ledger/spool.ts';
import { StoreError, type WriteResult } from '../store/store.ts';
import type { Collecting } from './context.ts';

const DRAIN_CHUNK = 5_000;
/** After a failed write the store is left alone for so many seconds; meanwhile points go straight to the spool. */
const STORE_PAUSE = 30;

/** Writes points, or says that they wait: after this every point is acknowledged, refused for good, or `kept`. */
export async function deliver(
  collecting: Collecting,
  points: readonly Point[],
  signal?: AbortSignal,
): Promise<WriteResult> {
  if (points.length === 0) return { accepted: 0, rejected: [], kept: [] };
  // What waits goes first: a point may not overtake an older value of itself.
  if (!(await drain(collecting, signal))) return { accepted: 0, rejected: [], kept: points };
  return write(collecting, points, signal);
}

/**
 * Writes what waits in the spool, oldest bucket first. True when nothing waits any more; false while the store
 * cannot take it.
 */
export async function drain(collecting: Collecting, signal?: AbortSignal): Promise<boolean> {
  const { ledger, observe } = collecting;
  for (;;) {
    const waiting = ledger.spool.oldest(DRAIN_CHUNK);
    if (waiting.length === 0) return true;
    const result = await write(
      collecting,
      waiting.map(({ line }) => parseLine(line)),
      signal,
    );
    const kept = new Set(result.kept);
    if (kept.size > 0) {
      // Kept points are the tail of the write: the store takes them in order.
      ledger.commit(() => ledger.spool.remove(waiting.slice(0, waiting.length - kept.size)));
      return false;
    }
    ledger.commit(() => ledger.spool.remove(waiting));
    observe({ type: 'drained', points: waiting.length });
  }
}

/**
 * Puts points into the spool; call inside a commit. What exceeds the limit leaves oldest bucket first, and its
 * bucket becomes a gap that is read again.
 */
export function spool(collecting: Collecting, points: readonly Point[]): void {
  if (points.length === 0) return;
  const { ledger, job, spoolLimit } = collecting;
  ledger.spool.add(points.map((point) => toSpooled(job.name, point)));
  while (ledger.spool.size() > spoolLimit && dropOldest(collecting));
}

function dropOldest(collecting: Collecting): boolean {
  const { ledger, job, observe, now } = collecting;
  const dropped = ledger.spool.dropOldest();
  if (!dropped) return false;
  const window = { start: dropped.time, end: bucketEnd(dropped.time, job.bucket, job.zone) };
  ledger.known.forget(dropped.job, window);
  ledger.reads.remove(dropped.job, [window]);
  ledger.gaps.open(dropped.job, {
    ...window,
    partition: EVERYTHING,
    since: now(),
    kind: 'spool_full',
    error:
      'the store was down for longer than the spool holds; the bucket is read again once the store is back',
    attempts: 1,
    nextTry: now(),
    lost: false,
  });
  observe({ type: 'spool_full', job: dropped.job, window, points: dropped.points });
  return true;
}

async function write(
  collecting: Collecting,
  points: readonly Point[],
  signal?: AbortSignal,
): Promise<WriteResult> {
  const { store, job, ledger, observe, now, outage } = collecting;
  if (now() < outage.until) return { accepted: 0, rejected: [], kept: points };
  const result = await attempt(() => store.write(points, signal), points);
  if (result.error) {
    outage.until = now() + STORE_PAUSE;
    observe({ type: 'store_down', job: job.name, error: result.error, spooled: ledger.spool.size() });
  }
  return result;
}

/** A store whose configuration is wrong takes nothing either: the points wait until a person has acted. */
async function attempt(run: () => Promise<WriteResult>, points: readonly Point[]): Promise<WriteResult> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { accepted: 0, rejected: [], kept: points, error };
  }
}

function toSpooled(job: string, point: Point): SpooledLine {
  return { job, time: point.time, series: seriesKey(point.tags), line: toLine(point) };
}
