import type { Partition } from '../../providers/provider.ts';
import type { JobContext } from '../context.ts';
import { expireVanished } from '../gaps/expiry.ts';
import { bucketStart } from '../../windows/calendar.ts';
import { intersect } from '../../windows/intervals.ts';

/** The memory of when partitions were last listed. */
export const DISCOVERED = 'discovered';

/**
 * What exists now. A partition met for the first time, or again after it was not listed for a while, has a gap
 * in every window that was read without it.
 */
export async function discover(context: JobContext, signal: AbortSignal): Promise<Partition[]> {
  const { job, source, ledger, observe, now } = context;
  const partitions = await source.partitions(signal);
  const missing = missed(context, partitions);
  ledger.commit(() => {
    const checkpoints = ledger.checkpoints.of(job.name);
    for (const [partition, since] of missing) {
      for (const window of intersect(checkpoints, [{ start: since, end: Infinity }])) {
        ledger.gaps.open(job.name, {
          ...window,
          partition,
          since: now(),
          kind: 'new',
          error: 'found after these buckets were read',
          attempts: 0,
          nextTry: now(),
          expired: false,
        });
      }
    }
    ledger.partitions.seen(
      job.name,
      partitions.map(({ id }) => id),
      now(),
    );
    ledger.state.set(job.name, DISCOVERED, String(now()));
  });
  if (missing.size > 0) observe({ type: 'found', job: job.name, partitions: missing.size });
  expireVanished(context, partitions);
  return partitions;
}

/** Partitions that were not there when partitions were last listed, and since when usage of theirs may be missing. */
function missed({ job, ledger }: JobContext, partitions: readonly Partition[]): Map<string, number> {
  const last = ledger.state.get(job.name, DISCOVERED);
  const met = ledger.partitions.of(job.name);
  const missing = new Map<string, number>();
  if (!last) return missing;
  for (const { id } of partitions) {
    const seen = met.get(id)?.lastSeen;
    if (seen === Number(last)) continue;
    // While it was listed, what came late was still to be seen.
    missing.set(id, seen === undefined ? 0 : bucketStart(seen - job.lookback, job.bucket, job.zone));
  }
  return missing;
}
