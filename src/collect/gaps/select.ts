import type { Gap } from '../../ledger/gaps.ts';
import type { Partition } from '../../providers/provider.ts';
import { splitByDays } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { maxDays, type JobContext } from '../context.ts';

/** The gaps whose next try has come: one read per window, of all partitions that miss it. */
export function gapReads(
  context: JobContext,
  partitions: readonly Partition[],
  all = false,
): { window: Window; partitions: Partition[] }[] {
  const { job, ledger, now } = context;
  const known = new Map(partitions.map((partition) => [partition.id, partition]));
  const reads = new Map<string, { window: Window; partitions: Partition[] }>();
  for (const gap of ledger.gaps.of(job.name)) {
    const partition = known.get(gap.partition);
    if (!partition || gap.expired || (gap.nextTry > now() && !all)) continue;
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
 * Who is asked for a window as a whole: all but partitions that wait for their gap's next try. What those miss
 * joins the gap. A gap of long ago keeps nobody from being read now.
 */
export function selectPartitions(
  { job, ledger, now }: JobContext,
  partitions: readonly Partition[],
  { start, end }: Window,
): { partitions: Partition[]; backedOff: Gap[] } {
  const gaps = ledger.gaps.of(job.name).filter((gap) => !gap.expired && gap.nextTry > now());
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
