import type { Partition } from '../../providers/provider.ts';
import { bucketStart } from '../../windows/calendar.ts';
import { intersect } from '../../windows/intervals.ts';
import type { JobContext } from '../context.ts';
import { expireVanished } from '../gaps/expiry.ts';

/** Key of the job state: when partitions were last listed, Unix seconds. */
export const DISCOVERED = 'discovered';

/**
 * Lists what exists now. A partition that was not in the previous listing gets a gap for every window that was read
 * without it. @throws FetchError
 */
export async function discover(context: JobContext, signal: AbortSignal): Promise<Partition[]> {
  const { job, source, ledger, observe, now } = context;
  const partitions = await source.partitions(signal);
  const at = now();
  const added = addedPartitions(context, partitions);
  ledger.commit(() => {
    const checkpoints = ledger.checkpoints.of(job.name);
    for (const [partition, since] of added) {
      for (const window of intersect(checkpoints, [{ start: since, end: Infinity }])) {
        ledger.gaps.open(job.name, {
          ...window,
          partition,
          since: at,
          kind: 'new',
          error: 'found after these buckets were read',
          attempts: 0,
          nextTry: at,
          expired: false,
        });
      }
    }
    ledger.partitions.seen(
      job.name,
      partitions.map(({ id }) => id),
      at,
    );
    ledger.state.set(job.name, DISCOVERED, String(at));
  });
  if (added.size > 0) observe({ type: 'found', job: job.name, partitions: added.size });
  expireVanished(context, partitions, at);
  return partitions;
}

/** Partitions that the previous listing did not have, each with the time from which its usage may be missing. */
function addedPartitions({ job, ledger }: JobContext, partitions: readonly Partition[]): Map<string, number> {
  const last = ledger.state.get(job.name, DISCOVERED);
  const known = ledger.partitions.of(job.name);
  const added = new Map<string, number>();
  if (!last) return added;
  for (const { id } of partitions) {
    const lastSeen = known.get(id)?.lastSeen;
    if (lastSeen === Number(last)) continue;
    // Usage of the look-back before it vanished may have arrived after that.
    added.set(id, lastSeen === undefined ? 0 : bucketStart(lastSeen - job.lookback, job.bucket, job.zone));
  }
  return added;
}
