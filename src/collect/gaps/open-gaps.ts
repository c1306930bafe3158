import type { FetchError } from '../../fetch/errors.ts';
import { ALL_PARTITIONS } from '../../ledger/gaps.ts';
import { bucketStart } from '../../windows/calendar.ts';
import { intersect, subtract } from '../../windows/intervals.ts';
import type { Plan } from '../../windows/planner.ts';
import type { Window } from '../../windows/window.ts';
import type { JobContext } from '../context.ts';
import { failedGap } from './failed-gap.ts';

/** The provider is down: closed buckets that should have been read by now become a gap of all partitions. */
export function openOutageGap(context: JobContext, { open, due }: Plan, error: FetchError, at: number): void {
  const { job, ledger } = context;
  const closed = { start: job.start, end: bucketStart(at, job.bucket, job.zone) };
  const missing = subtract(intersect([...open, ...due], [closed]), ledger.checkpoints.of(job.name));
  // No back-off: the open bucket of the next poll tries the provider, and everything is read once it answers.
  openGaps(context, [ALL_PARTITIONS], missing, error, at, at);
}

/** A window failed for a reason that no code expects: its closed buckets become a gap, with back-off. */
export function openWindowGap(
  context: JobContext,
  read: { window: Window; allPartitions: boolean; partitions: readonly { id: string }[] },
  error: FetchError,
  at: number,
): void {
  const { bucket, zone } = context.job;
  const closed = intersect([read.window], [{ start: -Infinity, end: bucketStart(at, bucket, zone) }]);
  const ids = read.allPartitions ? [ALL_PARTITIONS] : read.partitions.map(({ id }) => id);
  openGaps(context, ids, closed, error, at);
}

function openGaps(
  { job, ledger, observe }: JobContext,
  partitions: readonly string[],
  windows: readonly Window[],
  error: FetchError,
  at: number,
  nextTry?: number,
): void {
  const before = new Map(ledger.gaps.openOf(job.name).map((gap) => [gap.partition, gap.attempts]));
  ledger.commit(() => {
    for (const partition of partitions) {
      for (const window of windows) {
        const gap = failedGap(partition, window, error, 1 + (before.get(partition) ?? 0), at);
        ledger.gaps.open(job.name, { ...gap, ...(nextTry !== undefined && { nextTry }) });
      }
    }
  });
  for (const partition of partitions) {
    for (const window of windows) observe({ type: 'gap', job: job.name, partition, window, error });
  }
}
