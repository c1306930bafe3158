import type { FetchError } from '../../fetch/errors.ts';
import type { DropReason, Partition } from '../../providers/provider.ts';
import type { UsageRecord } from '../../usage/point.ts';
import { bucketsOf, bucketStart } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { batchesOf, readBatches } from '../poll/batches.ts';
import type { JobContext } from '../context.ts';
import { bucketRecords, diffPartitions } from './diff.ts';
import { findRangeEnd } from './range-end.ts';
import { addTotals, describeTotals, sameTotals, subtractTotals, totalsOf, type Totals } from './totals.ts';

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
  /** True where the provider was asked for these totals, false where they follow by subtraction. */
  readonly asked: boolean;
  /** Whether a bucket's total that follows by subtraction wants a proof. */
  readonly doubtful: boolean;
}

export interface BisectInput {
  readonly window: Window;
  readonly partitions: readonly Partition[];
  /** Whether these are all partitions that have usage in the window. */
  readonly allAnswered: boolean;
  readonly stored: StoredTotals;
  readonly signal: AbortSignal;
}

/** A total over so many buckets is taken at its word where nothing that is stored speaks against it. */
const TRUSTED_BUCKETS = 24;

/**
 * Reads a window from a provider that answers with one total per range: the whole is asked first, and only
 * halves whose total differs from what is stored are asked in turn, down to single buckets. `emit` receives
 * the buckets that differ, with zeros for series that the provider has withdrawn.
 *
 * Partitions without a difference leave the batches, so the rest fills fewer of them. On settled ranges the
 * other half of a split follows by subtraction; where data may still move, it is asked unless it equals what
 * is stored. What a total of many buckets has too many or too few would end up in the oldest bucket that follows
 * from it: such a bucket is asked as well, from the calls that descending has saved.
 * @throws ProviderDown, and FetchError of kind `cancelled`
 */
export async function bisectTotals(
  context: JobContext,
  { window, partitions, allAnswered, stored, signal }: BisectInput,
  emit: (records: UsageRecord[]) => Promise<void>,
): Promise<TotalsRead> {
  const { job, source, ledger, observe } = context;
  const readAt = context.now();
  const settledBefore = bucketStart(readAt - job.lookback, job.bucket, job.zone);
  const failed = new Map<Partition, FetchError>();
  const dropped = new Map<DropReason, number>();
  const tagged = partitions.every(({ tags }) => tags?.user !== undefined);
  let rangeEnd = ledger.jobs.of(job.name)?.rangeEnd;
  /** Stored before it was known how ranges end: its sum may be right and its buckets wrong. */
  let suspect = false;

  const buckets = bucketsOf(window, job.bucket, job.zone);
  const unproven: Node[] = [];
  let verificationBudget = buckets.length * batchesOf(partitions, source.batchSize).length;

  async function ask(range: Window, asked: readonly Partition[]): Promise<Totals> {
    verificationBudget -= batchesOf(asked, source.batchSize).length;
    const request = {
      window: range,
      bucket: job.bucket,
      zone: job.zone,
      signal,
      ...(rangeEnd && { rangeEnd }),
    };
    const answers: UsageRecord[][] = [];
    const { concurrency } = job.rate;
    const batches = await readBatches(source, request, asked.filter(isAlive), concurrency, (records) => {
      answers.push([...records]);
    });
    for (const [partition, error] of batches.failed) failed.set(partition, error);
    for (const [reason, rows] of batches.dropped) dropped.set(reason, (dropped.get(reason) ?? 0) + rows);
    return totalsOf(answers.flat());
  }

  const isAlive = (partition: Partition): boolean => !failed.has(partition);

  async function descend(node: Node): Promise<void> {
    const range = rangeOf(node.buckets);
    const known = await stored(range);
    const { partitions: differing, totals, before } = diffPartitions(node, known, isAlive, suspect);
    if (differing.length === 0) return;
    if (node.buckets.length === 1) {
      if (!node.asked && node.doubtful) return void unproven.push({ ...node, partitions: differing, totals });
      return emit(bucketRecords(range.start, totals, before, tagged || (allAnswered && failed.size === 0)));
    }
    const doubtful = node.asked ? node.buckets.length > TRUSTED_BUCKETS || before.size > 0 : node.doubtful;
    const middle = splitAt(node.buckets, readAt);
    const older = node.buckets.slice(0, middle);
    const newer = node.buckets.slice(middle);

    const right = await ask(rangeOf(newer), differing);
    const inferred = await inferLeft(older, range, differing, totals, right);
    const left = inferred ?? (await ask(rangeOf(older), differing));
    await compare({ ...node, partitions: differing, totals }, addTotals(left, right));
    await descend({ buckets: older, partitions: differing, totals: left, asked: !inferred, doubtful });
    await descend({ buckets: newer, partitions: differing, totals: right, asked: true, doubtful });
  }

  /** Asks for a bucket whose total follows by subtraction, and stores the answer. */
  async function prove(node: Node): Promise<void> {
    const range = rangeOf(node.buckets);
    if (verificationBudget <= 0) return descend({ ...node, doubtful: false });
    const totals = await ask(range, node.partitions);
    if (node.partitions.every(isAlive) && !sameTotals(totals, node.totals))
      report(range, node.totals, totals);
    await descend({ ...node, totals, asked: true });
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
    const differing = diffPartitions({ partitions: asked, totals: left }, known, isAlive).partitions;
    return differing.length === 0 ? left : undefined;
  }

  /** Usage may have come in between two questions; only what a second look confirms is a mismatch. */
  async function compare({ buckets, partitions, totals, asked }: Node, parts: Totals): Promise<void> {
    const range = rangeOf(buckets);
    if (range.end > readAt || !partitions.every(isAlive) || sameTotals(totals, parts)) return;
    const again = await ask(range, partitions);
    if (!partitions.every(isAlive)) return;
    const confirmed = sameTotals(again, parts) ? !asked : sameTotals(again, totals);
    if (confirmed || (range.end <= settledBefore && !sameTotals(again, parts))) report(range, again, parts);
  }

  function report(range: Window, whole: Totals, parts: Totals): void {
    ledger.commit(() => ledger.counters.add(job.name, 'mismatches', 1));
    observe({
      type: 'mismatch',
      job: job.name,
      window: range,
      whole: describeTotals(whole),
      parts: describeTotals(parts),
    });
  }

  let totals = await ask(window, partitions);
  if (!rangeEnd && totals.size > 0) {
    rangeEnd = await findRangeEnd(context, window, partitions.filter(isAlive), totals, signal);
    if (rangeEnd === 'inclusive') totals = await ask(window, partitions);
    suspect = rangeEnd === 'inclusive';
  }
  await descend({ buckets, partitions, totals, asked: true, doubtful: false });
  for (const node of unproven) await prove(node);
  return { answered: partitions.filter(isAlive), failed, dropped };
}

function rangeOf(buckets: readonly Window[]): Window {
  return { start: buckets[0]!.start, end: buckets.at(-1)!.end };
}

/** The open bucket stands apart from the closed ones, which mostly have not moved; else the middle. */
function splitAt(buckets: readonly Window[], now: number): number {
  const last = buckets.length - 1;
  return buckets[last]!.end > now ? last : Math.ceil(buckets.length / 2);
}
