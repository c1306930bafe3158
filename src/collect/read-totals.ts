import type { FetchError } from '../fetch/errors.ts';
import type { DropReason, Partition } from '../providers/provider.ts';
import { FIELDS, type Fields, type UsageRecord } from '../usage/point.ts';
import { bucketsOf, bucketStart } from '../windows/calendar.ts';
import type { Window } from '../windows/window.ts';
import { readBatches } from './batches.ts';
import type { Collecting } from './context.ts';
import { findRangeEnd } from './range-end.ts';
import {
  addTotals,
  describeTotals,
  sameTotals,
  subtractTotals,
  totalsByOwner,
  totalsOf,
  type Totals,
} from './totals.ts';

/** What has been stored for a range already, summed by series; empty where nothing is known of it. */
export type StoredTotals = (range: Window) => Totals | Promise<Totals>;

export interface TotalsRead {
  readonly answered: Partition[];
  readonly failed: Map<Partition, FetchError>;
  readonly dropped: Map<DropReason, number>;
}

interface Node {
  readonly buckets: readonly Window[];
  /** The partitions whose totals differ from what is stored, as far as that is known. */
  readonly partitions: readonly Partition[];
  /** The provider's totals of these partitions over these buckets. */
  readonly totals: Totals;
}

/**
 * Reads a window from a provider that answers with one total per range: the whole is asked first, and only
 * halves whose total differs from what is stored are asked in turn, down to single buckets. `emit` receives
 * the buckets that differ, with zeros for series that the provider has withdrawn.
 *
 * Partitions without a difference leave the batches, so the rest fills fewer of them. On settled ranges the
 * other half of a split follows by subtraction; where data may still move, it is asked unless it equals what
 * is stored.
 * @throws ProviderDown, and FetchError of kind `cancelled`
 */
export async function readTotals(
  collecting: Collecting,
  window: Window,
  partitions: readonly Partition[],
  stored: StoredTotals,
  emit: (records: UsageRecord[]) => Promise<void>,
  signal: AbortSignal,
): Promise<TotalsRead> {
  const { job, source, ledger, observe } = collecting;
  const readAt = collecting.now();
  const settledBefore = bucketStart(readAt - job.lookback, job.bucket, job.zone);
  const failed = new Map<Partition, FetchError>();
  const dropped = new Map<DropReason, number>();
  let rangeEnd = ledger.jobs.of(job.name)?.rangeEnd;

  async function ask(range: Window, asked: readonly Partition[]): Promise<Totals> {
    const request = {
      window: range,
      bucket: job.bucket,
      zone: job.zone,
      signal,
      ...(rangeEnd && { rangeEnd }),
    };
    const batches = await readBatches(source, request, asked.filter(isAlive), job.provider.rate.concurrency);
    for (const [partition, error] of batches.failed) failed.set(partition, error);
    for (const [reason, rows] of batches.dropped) dropped.set(reason, (dropped.get(reason) ?? 0) + rows);
    return totalsOf(batches.records);
  }

  const isAlive = (partition: Partition): boolean => !failed.has(partition);

  async function descend(node: Node): Promise<void> {
    const range = rangeOf(node.buckets);
    const known = await stored(range);
    const { partitions: differing, totals, before } = narrow(node, known, isAlive);
    if (differing.length === 0) return;
    if (node.buckets.length === 1) return emit(leafRecords(range.start, totals, before, failed.size > 0));
    const middle = splitAt(node.buckets, readAt);
    const older = node.buckets.slice(0, middle);
    const newer = node.buckets.slice(middle);

    const right = await ask(rangeOf(newer), differing);
    const left =
      (await inferLeft(older, range, differing, totals, right)) ?? (await ask(rangeOf(older), differing));
    await compare(range, differing, totals, addTotals(left, right));
    await descend({ buckets: older, partitions: differing, totals: left });
    await descend({ buckets: newer, partitions: differing, totals: right });
  }

  /** The older half by subtraction, where that is as good as asking. */
  async function inferLeft(
    older: readonly Window[],
    range: Window,
    asked: readonly Partition[],
    whole: Totals,
    right: Totals,
  ): Promise<Totals | undefined> {
    if (!asked.every(isAlive)) return undefined;
    const left = subtractTotals(whole, right);
    if (!left) return undefined;
    if (rangeEnd !== undefined && range.end <= settledBefore) return left;
    const known = await stored(rangeOf(older));
    return narrow({ buckets: older, partitions: asked, totals: left }, known, isAlive).partitions.length === 0
      ? left
      : undefined;
  }

  /** The whole may have grown since it was asked; only what a second look confirms is a disagreement. */
  async function compare(
    range: Window,
    asked: readonly Partition[],
    whole: Totals,
    parts: Totals,
  ): Promise<void> {
    if (range.end > readAt || !asked.every(isAlive) || sameTotals(whole, parts)) return;
    const again = await ask(range, asked);
    if (!asked.every(isAlive) || sameTotals(again, parts)) return;
    ledger.commit(() => ledger.counters.add(job.name, 'disagreements', 1));
    observe({
      type: 'disagreement',
      job: job.name,
      window: range,
      whole: describeTotals(again),
      parts: describeTotals(parts),
    });
  }

  let totals = await ask(window, partitions);
  if (!rangeEnd && totals.size > 0) {
    rangeEnd = await findRangeEnd(collecting, window, partitions, totals, signal);
    if (rangeEnd === 'inclusive') totals = await ask(window, partitions);
  }
  await descend({ buckets: bucketsOf(window, job.bucket, job.zone), partitions, totals });
  return { answered: partitions.filter(isAlive), failed, dropped };
}

/** The partitions of a node whose totals differ from what is stored, with both sides cut down to them. */
function narrow(
  node: Node,
  known: Totals,
  isAlive: (partition: Partition) => boolean,
): Node & { before: Totals } {
  const alive = node.partitions.filter(isAlive);
  // Without tags to tell partitions apart, usage belongs to all of them together.
  if (alive.some(({ tags }) => tags?.user === undefined)) {
    const same = sameTotals(node.totals, known);
    return { ...node, partitions: same ? [] : alive, before: known };
  }
  const now = totalsByOwner(node.totals);
  const before = totalsByOwner(known);
  const none: Totals = new Map();
  const owner = ({ tags }: Partition): string => tags!.user!.toLowerCase();
  const differing = alive.filter(
    (partition) => !sameTotals(now.get(owner(partition)) ?? none, before.get(owner(partition)) ?? none),
  );
  const only = (totals: Map<string, Totals>): Totals =>
    new Map(differing.flatMap((partition) => [...(totals.get(owner(partition)) ?? none)]));
  return { buckets: node.buckets, partitions: differing, totals: only(now), before: only(before) };
}

/** The records of one bucket; series that were stored and are no longer reported become zero. */
function leafRecords(time: number, totals: Totals, before: Totals, incomplete: boolean): UsageRecord[] {
  const records = [...totals.values()].map(({ tags, fields }) => ({ time, tags, fields }));
  // Where a partition failed, a series that is missing may be its own.
  if (incomplete) return records;
  const gone = [...before].filter(([key]) => !totals.has(key));
  return [...records, ...gone.map(([, { tags, fields }]) => ({ time, tags, fields: zeros(fields) }))];
}

export function zeros(fields: Fields): Fields {
  return Object.fromEntries(FIELDS.filter((field) => fields[field] !== undefined).map((field) => [field, 0]));
}

function rangeOf(buckets: readonly Window[]): Window {
  return { start: buckets[0]!.start, end: buckets.at(-1)!.end };
}

/** The open bucket stands apart from the closed ones, which mostly have not moved; else the middle. */
function splitAt(buckets: readonly Window[], now: number): number {
  const last = buckets.length - 1;
  return buckets[last]!.end > now ? last : Math.ceil(buckets.length / 2);
}
