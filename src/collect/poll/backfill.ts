import type { Partition, ReadRequest, Source } from '../../providers/provider.ts';
import { bucketEnd, bucketsOf, bucketStart, splitByDays } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { maxDays, type JobContext } from '../context.ts';
import { batchesOf } from './batches.ts';
import { baselineOf, splitIntoSteps } from './plan.ts';
import { readWindow } from './poll.ts';

export interface BackfillPlan {
  /** Newest first. */
  readonly windows: readonly Window[];
  readonly partitions: readonly Partition[];
  /** At least this many calls: every window, every batch. */
  readonly calls: number;
  /** Where a provider of totals has usage in every bucket for everyone. */
  readonly mostCalls: number;
  /** At the provider's rate limit, for `calls` and `mostCalls`. */
  readonly seconds: number;
  readonly mostSeconds: number;
}

/** Widens a range to whole buckets that have closed. */
export function alignToBuckets({ job, now }: JobContext, range: Window): Window {
  const { bucket, zone } = job;
  return {
    start: bucketStart(range.start, bucket, zone),
    end: Math.min(bucketEnd(range.end - 1, bucket, zone), bucketStart(now(), bucket, zone)),
  };
}

/** What a backfill of a range will request, before it starts. */
export function planBackfill(
  context: JobContext,
  range: Window,
  partitions: readonly Partition[],
): BackfillPlan {
  const { job, source } = context;
  const windows = splitIntoSteps(context, splitByDays(range, maxDays(context), job.zone).toReversed());
  const batches = Math.ceil(partitions.length / source.batchSize);
  const calls = windows.reduce(
    (sum, window) => sum + callsOf(source, partitions, { window, bucket: job.bucket, zone: job.zone }),
    0,
  );
  const buckets = bucketsOf(range, job.bucket, job.zone).length;
  const mostCalls =
    source.reads === 'totals' ? calls + Math.max(0, buckets - windows.length) * batches : calls;
  const { perSecond } = job.rate;
  return {
    windows,
    partitions,
    calls,
    mostCalls,
    seconds: calls / perSecond,
    mostSeconds: mostCalls / perSecond,
  };
}

/** Requests for one window of all partitions. */
function callsOf(
  source: Source,
  partitions: readonly Partition[],
  at: Pick<ReadRequest, 'window' | 'bucket' | 'zone'>,
): number {
  return batchesOf(partitions, source.batchSize).reduce(
    (sum, batch) => sum + source.calls.read({ ...at, partitions: batch }),
    0,
  );
}

/** A backfill as the user wrote it: the same when the command is run again. */
export interface BackfillRange {
  readonly from: string;
  readonly to: string | undefined;
  /** For a provider of totals: read every bucket with usage, also where totals equal what is stored. */
  readonly full: boolean;
}

/**
 * What an interrupted run of the same command has left to read, or undefined. A range relative to the time, such as
 * `30d`, keeps the bounds of that run.
 */
export function resumeRange({ ledger, job }: JobContext, asked: BackfillRange): Window | undefined {
  const text = ledger.state.get(job.name, BACKFILL);
  if (!text) return undefined;
  const { from, to, full, start, end } = JSON.parse(text) as BackfillRange & Window;
  return from === asked.from && to === asked.to && full === asked.full ? { start, end } : undefined;
}

/** Reads one window and records that all newer ones are done. @throws ProviderDown, FetchError `cancelled` */
export async function backfillWindow(
  context: JobContext,
  planned: BackfillPlan,
  window: Window,
  asked: BackfillRange,
  signal: AbortSignal,
): Promise<void> {
  const { ledger, job } = context;
  await readWindow(context, {
    window,
    partitions: planned.partitions,
    allPartitions: true,
    baseline: baselineOf(context, window),
    full: asked.full,
    signal,
  });
  const start = planned.windows.at(-1)!.start;
  const left = { ...asked, start, end: window.start };
  ledger.state.set(job.name, BACKFILL, left.start < left.end ? JSON.stringify(left) : '');
}

const BACKFILL = 'backfill';
