import type { Gap } from '../../ledger/gaps.ts';
import type { Partition } from '../../providers/provider.ts';
import { splitByDays } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { maxDays, type Collecting } from '../context.ts';

/** The gaps whose next try has come: one read per window, of all partitions that miss it. */
export function gapReads(
  collecting: Collecting,
  partitions: readonly Partition[],
  all = false,
): { window: Window; partitions: Partition[] }[] {
  const { job, ledger, now } = collecting;
  const known = new Map(partitions.map((partition) => [partition.id, partition]));
  const reads = new Map<string, { window: Window; partitions: Partition[] }>();
  for (const gap of ledger.gaps.of(job.name)) {
    const partition = known.get(gap.partition);
    if (!partition || gap.lost || (gap.nextTry > now() && !all)) continue;
    for (const window of splitByDays(gap, maxDays(collecting), job.zone).toReversed()) {
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
export function askedFor(
  { job, ledger, now }: Collecting,
  partitions: readonly Partition[],
  { start, end }: Window,
): { partitions: Partition[]; withheld: Gap[] } {
  const gaps = ledger.gaps.of(job.name).filter((gap) => !gap.lost && gap.nextTry > now());
  if (gaps.length === 0) return { partitions: [...partitions], withheld: [] };
  const newest = ledger.reads.of(job.name).at(-1)?.end ?? Infinity;
  const waiting = new Map(
    gaps
      .filter((gap) => gap.end >= newest || (gap.start <= end && start <= gap.end))
      .map((gap) => [gap.partition, gap]),
  );
  return {
    partitions: partitions.filter(({ id }) => !waiting.has(id)),
    withheld: partitions.flatMap(({ id }) => waiting.get(id) ?? []),
  };
}
