import type { Gap } from '../../ledger/gaps.ts';
import type { Partition } from '../../providers/provider.ts';
import { splitByDays } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { maxDays, type JobContext } from '../context.ts';

/** The gaps of partitions whose next try has come at `at`: one read per window, of all partitions that miss it. */
export function gapReads(
  context: JobContext,
  partitions: readonly Partition[],
  at: number,
): { window: Window; partitions: Partition[] }[] {
  const { job, ledger } = context;
  const known = new Map(partitions.map((partition) => [partition.id, partition]));
  const reads = new Map<string, { window: Window; partitions: Partition[] }>();
  for (const gap of ledger.gaps.openOf(job.name)) {
    const partition = known.get(gap.partition);
    if (!partition || gap.nextTry > at) continue;
    for (const window of splitByDays(gap, maxDays(context), job.zone).toReversed()) {
      const key = `${window.start}/${window.end}`;
      const read = reads.get(key) ?? { window, partitions: [] };
      read.partitions.push(partition);
      reads.set(key, read);
    }
  }
  return [...reads.values()];
}

/**
 * The partitions to read in a window: all but those whose gap waits for its next try, which then also misses this
 * window. An old gap does not keep its partition from being read now.
 */
export function selectPartitions(
  { job, ledger }: JobContext,
  partitions: readonly Partition[],
  { start, end }: Window,
  at: number,
): { partitions: Partition[]; backedOff: Gap[] } {
  const gaps = ledger.gaps.openOf(job.name).filter(({ nextTry }) => nextTry > at);
  if (gaps.length === 0) return { partitions: [...partitions], backedOff: [] };
  const newest = ledger.checkpoints.of(job.name).at(-1)?.end ?? Infinity;
  const waiting = new Map(
    gaps
      .filter((gap) => gap.end >= newest || (gap.start <= end && start <= gap.end))
      .map((gap) => [gap.partition, gap]),
  );
  return {
    partitions: partitions.filter(({ id }) => !waiting.has(id)),
    backedOff: partitions.flatMap(({ id }) => waiting.get(id) ?? []),
  };
}
