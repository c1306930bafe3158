import type { Partition } from '../../providers/provider.ts';
import { bucketStart } from '../../windows/calendar.ts';
import { intersect } from '../../windows/intervals.ts';
import type { JobContext } from '../context.ts';
import { expireVanished } from '../gaps/expiry.ts';
import { HOUR, MINUTE } from '../../windows/units.ts';

/** Partitions change rarely: they are listed this often while everything that is read belongs to one of them, seconds. */
const INTERVAL = HOUR;
/** The same after something was read that the last listing does not explain. */
const INTERVAL_IF_DOUBTFUL = 10 * MINUTE;

/** Key of the job state: when partitions were last listed, Unix seconds. */
const DISCOVERED = 'discovered';

/** What existed at the last listing, or exists now if that was too long ago. @throws FetchError */
export async function knownPartitions(
  context: JobContext,
  signal: AbortSignal,
): Promise<readonly Partition[]> {
  const { listing, now } = context;
  const age = listing.at === undefined ? Infinity : now() - listing.at;
  const interval = listing.isDoubtful ? INTERVAL_IF_DOUBTFUL : INTERVAL;
  // The age is negative after the system clock moved backwards.
  return age >= 0 && age < interval ? listing.partitions : discover(context, signal);
}

/**
 * Lists what exists now. A partition that was not in the previous listing gets a gap for every window that was read
 * without it. @throws FetchError
 */
export async function discover(context: JobContext, signal: AbortSignal): Promise<readonly Partition[]> {
  const { job, source, ledger, listing, observe, now } = context;
  // In the same order each time, so that batches stay the same.
  const partitions = (await source.partitions(signal)).toSorted((a, b) => (a.id < b.id ? -1 : 1));
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
  Object.assign(listing, { partitions, at, isDoubtful: false });
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
    // Usage of the lookback before it vanished may have arrived after that.
    added.set(id, lastSeen === undefined ? 0 : bucketStart(lastSeen - job.lookback, job.bucket, job.zone));
  }
  return added;
}
