import type { Partition } from '../../providers/provider.ts';
import type { UsageRecord } from '../../usage/point.ts';
import { zeros } from '../../usage/aggregate.ts';
import { sameTotals, totalsByOwner, type Totals } from './totals.ts';

/** Partitions and their totals. */
export interface Compared {
  readonly partitions: readonly Partition[];
  /** The provider's totals of these partitions. */
  readonly totals: Totals;
}

export interface Diff extends Compared {
  /** What is stored for them. */
  readonly before: Totals;
}

/**
 * The partitions whose totals differ from what is stored, with both sides reduced to them. Where what is stored is
 * suspect, all partitions with usage.
 */
export function diffPartitions(
  { partitions, totals }: Compared,
  known: Totals,
  isAlive: (partition: Partition) => boolean,
  suspect = false,
): Diff {
  const same = (now: Totals, before: Totals): boolean =>
    suspect ? now.size + before.size === 0 : sameTotals(now, before);
  const alive = partitions.filter(isAlive);
  // Without tags, usage cannot be assigned to a partition.
  if (alive.some(({ tags }) => tags?.user === undefined)) {
    return { totals, partitions: same(totals, known) ? [] : alive, before: known };
  }
  const now = totalsByOwner(totals);
  const before = totalsByOwner(known);
  const none: Totals = new Map();
  const differing = alive.filter(
    (partition) => !same(now.get(ownerOf(partition)) ?? none, before.get(ownerOf(partition)) ?? none),
  );
  const only = (all: Map<string, Totals>): Totals =>
    new Map(differing.flatMap((partition) => [...(all.get(ownerOf(partition)) ?? none)]));
  return { partitions: differing, totals: only(now), before: only(before) };
}

/** The totals that belong to some partitions; all of them where usage cannot be assigned to a partition. */
export function totalsOfPartitions(partitions: readonly Partition[], totals: Totals): Totals {
  if (partitions.some(({ tags }) => tags?.user === undefined)) return totals;
  const owners = new Set(partitions.map(ownerOf));
  return new Map([...totals].filter(([, { tags }]) => owners.has(tags.user?.toLowerCase() ?? '')));
}

/**
 * The records of one bucket; series that were stored and are no longer reported become zero, unless they may
 * belong to partitions that were not read.
 */
export function bucketRecords(time: number, totals: Totals, before: Totals, known: boolean): UsageRecord[] {
  const records = [...totals.values()].map(({ tags, fields }) => ({ time, tags, fields }));
  if (!known) return records;
  const gone = [...before].filter(([key]) => !totals.has(key));
  return [...records, ...gone.map(([, { tags, fields }]) => ({ time, tags, fields: zeros(fields) }))];
}

/** The partitions with usage in any of these totals; all of them where usage cannot be assigned to a partition. */
export function activePartitions(
  partitions: readonly Partition[],
  ...all: readonly Totals[]
): readonly Partition[] {
  if (all.every(({ size }) => size === 0)) return [];
  if (!partitions.every(({ tags }) => tags?.user)) return partitions;
  const users = new Set(
    all.flatMap((totals) => [...totals.values()].map(({ tags }) => tags.user?.toLowerCase())),
  );
  return partitions.filter(({ tags }) => users.has(tags?.user?.toLowerCase()));
}

function ownerOf({ tags }: Partition): string {
  return tags?.user?.toLowerCase() ?? '';
}
