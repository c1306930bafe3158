import type { Partition } from '../providers/provider.ts';
import { bucketEnd, bucketsOf, bucketStart, splitByDays } from '../windows/calendar.ts';
import type { Window } from '../windows/window.ts';
import { maxDays, type Collecting } from './context.ts';
import { isRecent, stepsOf } from './poll.ts';
import { readWindow } from './read-window.ts';

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
export function wholeBuckets({ job, now }: Collecting, range: Window): Window {
  const { bucket, zone } = job;
  const end =
    bucketStart(range.end - 1, bucket, zone) === range.end
      ? range.end
      : bucketEnd(range.end - 1, bucket, zone);
  return {
    start: bucketStart(range.start, bucket, zone),
    end: Math.min(end, bucketStart(now(), bucket, zone)),
  };
}

/** What a back-fill of a range will ask for, before it asks. */
export function planBackfill(
  collecting: Collecting,
  range: Window,
  partitions: readonly Partition[],
): BackfillPlan {
  const { job, source } = collecting;
  const windows = stepsOf(collecting, splitByDays(range, maxDays(collecting), job.zone).toReversed());
  const batches = Math.ceil(partitions.length / source.batchSize);
  const calls = windows.length * batches;
  const buckets = bucketsOf(range, job.bucket, job.zone).length;
  const mostCalls =
    source.reads === 'totals' ? calls + Math.max(0, buckets - windows.length) * batches : calls;
  const { perSecond } = job.provider.rate;
  return {
    windows,
    partitions,
    calls,
    mostCalls,
    seconds: calls / perSecond,
    mostSeconds: mostCalls / perSecond,
  };
}

/**
 * The part of a back-fill that an earlier run of the same range left. A range without an end of its own keeps
 * the end of the run that it resumes.
 */
export function resume(
  collecting: Collecting,
  from: number,
  to: number | undefined,
): Window & { resumed: boolean } {
  const { ledger, job, now } = collecting;
  const text = ledger.memories.get(job.name, BACKFILL);
  const left = text
    ? (JSON.parse(text) as { from: number; to?: number; start: number; end: number })
    : undefined;
  if (left && left.from === from && left.to === to)
    return { start: left.start, end: left.end, resumed: true };
  return { ...wholeBuckets(collecting, { start: from, end: to ?? now() }), resumed: false };
}

/** Reads one window and remembers that all newer ones are done. @throws ProviderDown, FetchError `cancelled` */
export async function backfillWindow(
  collecting: Collecting,
  planned: BackfillPlan,
  window: Window,
  asked: { from: number; to: number | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { ledger, job } = collecting;
  await readWindow(collecting, {
    window,
    partitions: planned.partitions,
    whole: true,
    against: isRecent(collecting, window) ? 'known' : 'store',
    signal,
  });
  const start = planned.windows.at(-1)!.start;
  const left = { ...asked, start, end: window.start };
  ledger.memories.set(job.name, BACKFILL, left.start < left.end ? JSON.stringify(left) : '');
}

const BACKFILL = 'backfill';
