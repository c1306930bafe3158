import type { Gap } from '../../ledger/gaps.ts';
import type { Partition } from '../../providers/provider.ts';
import type { UsageRecord } from '../../usage/point.ts';
import { bucketEnd } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import type { JobContext } from '../context.ts';
import { ownersOf } from './ownership.ts';

/**
 * Tells whether the bucket of a record had been read before: after its close, for the record's partition, and
 * recently enough that the ledger still holds the answer.
 */
export function readBefore(
  { job, ledger }: JobContext,
  window: Window,
  partitions: readonly Partition[],
): (record: UsageRecord) => boolean {
  const checkpoints = ledger.checkpoints.of(job.name, window);
  const ownerOf = ownersOf(partitions);
  const owners = new Map(partitions.map(({ id, tags }) => [id, ownerOf(tags ?? {})]));
  const missed = new Map<string, Gap[]>();
  for (const gap of ledger.gaps.of(job.name)) {
    const owner = owners.get(gap.partition);
    if (owner !== undefined) missed.set(owner, [...(missed.get(owner) ?? []), gap]);
  }
  const results = new Map<number, boolean>();

  function wasCompared(time: number): boolean {
    const read = checkpoints.find((one) => covers(one, time));
    const age = read && read.readAt - bucketEnd(time, job.bucket, job.zone);
    return age !== undefined && age >= 0 && age < job.lookback;
  }

  return ({ time, tags }) => {
    if (missed.get(ownerOf(tags))?.some((gap) => covers(gap, time))) return false;
    const result = results.get(time) ?? wasCompared(time);
    results.set(time, result);
    return result;
  };
}

function covers({ start, end }: Window, time: number): boolean {
  return start <= time && time < end;
}
