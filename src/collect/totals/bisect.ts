import type { Partition } from '../../providers/provider.ts';
import type { UsageRecord } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import { bucketEnd, bucketsOf, bucketStart, splitByDays } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import type { JobContext } from '../context.ts';
import { batchesOf, emptyBatches, readBatches, type Batches } from '../poll/batches.ts';
import type { PollProgress } from '../poll/progress.ts';
import { activePartitions, bucketRecords, diffPartitions, totalsOfPartitions } from './diff.ts';
import { findRangeEnd } from './range-end.ts';
import { addTotals, describeTotals, sameTotals, subtractTotals, totalsOf, type Totals } from './totals.ts';

/** What is stored for a range, summed by series; empty where that is unknown. */
export type StoredTotals = (range: Window) => Totals | Promise<Totals>;

export interface BisectInput {
  readonly window: Window;
  readonly partitions: readonly Partition[];
  /** False when only some partitions are read, to fill their gaps. */
  readonly allPartitions: boolean;
  /** Whether these are all partitions that have usage in the window. */
  readonly allAnswered: boolean;
  readonly stored: StoredTotals;
  /** Where `stored` comes from. What the ledger holds is within the lookback. */
  readonly baseline: 'ledger' | 'store';
  /** Everything is read, and nothing is compared. */
  readonly force?: boolean;
  /** Ranges are read down to their buckets also where their totals equal what is stored. */
  readonly full?: boolean;
  readonly progress: PollProgress;
  readonly signal: AbortSignal;
}

type Emit = (records: UsageRecord[]) => Promise<void>;

interface Node {
  readonly buckets: readonly Window[];
  /** The partitions whose totals differ from what is stored, as far as that is known. */
  readonly partitions: readonly Partition[];
  /** The provider's totals of these partitions over these buckets. */
  readonly totals: Totals;
  /** True where the provider reported these totals, false where they are inferred by subtraction. */
  readonly reported: boolean;
  /** Whether an inferred total of a single bucket has to be verified. */
  readonly unverified: boolean;
  /** Those whose total equals what is stored, for this range or one around it: their usage has only moved. */
  readonly moved: ReadonlySet<Partition>;
}

/** A total over up to this many buckets is trusted where it does not contradict what is stored. */
const TRUSTED_BUCKETS = 24;

/**
 * Reads a window from a provider that answers with one total per range: the whole window is requested first, and
 * only halves whose total differs from what is stored are requested in turn, down to single buckets. `emit`
 * receives the buckets that differ, with zeros for series that the provider has withdrawn.
 * @throws ProviderDown, and FetchError of kind `cancelled`
 */
export function bisectTotals(context: JobContext, input: BisectInput, emit: Emit): Promise<Batches> {
  return new Bisection(context, input, emit).run();
}

/**
 * Partitions without a difference leave the batches, so the rest fills fewer of them. In final ranges the older
 * half of a split is inferred by subtraction; where data may still move, it is requested unless it equals what is
 * stored. An error in the total of many buckets would end up in the oldest bucket that is inferred from it: such a
 * bucket is verified, within the calls that bisecting has saved.
 *
 * Equal totals do not show that usage has moved from one bucket to another. So each bucket is requested alone at its
 * last read, and what is older than the lookback is compared day by day.
 *
 * A provider may have forgotten old usage, which is no reason to replace it by zeros. It has not where it reports older
 * usage, and other usage of the same day.
 */
class Bisection {
  readonly #context: JobContext;
  readonly #input: BisectInput;
  readonly #emit: Emit;
  readonly #readAt: number;
  readonly #finalUntil: number;
  readonly #isTagged: boolean;
  readonly #result = emptyBatches();
  readonly #unverified: Node[] = [];
  /** Zeros for older usage that the provider does not report and may have forgotten. */
  readonly #withdrawn: UsageRecord[] = [];
  /** The earliest end of a range for which the provider reports usage. */
  #oldestUsage = Infinity;
  /** Calls left until bisecting has cost as much as a request for every bucket. */
  #verificationBudget: number;
  #rangeEnd: 'exclusive' | 'inclusive' | undefined;
  /** Stored before it was known how ranges end: sums may be right and buckets wrong. */
  #isSuspect = false;

  constructor(context: JobContext, input: BisectInput, emit: Emit) {
    const { job, source, ledger } = context;
    this.#context = context;
    this.#input = input;
    this.#emit = emit;
    this.#readAt = context.now();
    this.#finalUntil = bucketStart(this.#readAt - job.lookback, job.bucket, job.zone);
    this.#isTagged = input.partitions.every(({ tags }) => tags?.user !== undefined);
    this.#rangeEnd = ledger.jobs.of(job.name)?.rangeEnd;
    const batches = batchesOf(input.partitions, source.batchSize).length;
    this.#verificationBudget = bucketsOf(input.window, job.bucket, job.zone).length * batches;
  }

  async run(): Promise<Batches> {
    const { job } = this.#context;
    const { window, partitions } = this.#input;
    const totals = await this.#requestWindow();
    const buckets = bucketsOf(window, job.bucket, job.zone);
    const whole: Node = { buckets, partitions, totals, reported: true, unverified: false, moved: new Set() };
    await this.#descend(await this.#readLast(whole));
    for (const node of this.#unverified) await this.#verify(node);
    await this.#storeWithdrawn();
    return { ...this.#result, answered: partitions.filter(this.#isAlive) };
  }

  readonly #isAlive = (partition: Partition): boolean => !this.#result.failed.has(partition);

  /** The totals of the whole window. They also show how the provider takes the end of a range, once it has usage. */
  async #requestWindow(): Promise<Totals> {
    const { window, partitions, signal } = this.#input;
    const totals = await this.#request(window, partitions);
    if (this.#rangeEnd || totals.size === 0) return totals;
    const alive = partitions.filter(this.#isAlive);
    this.#rangeEnd = await findRangeEnd(this.#context, window, alive, totals, signal);
    if (this.#rangeEnd !== 'inclusive') return totals;
    this.#isSuspect = true;
    return this.#request(window, partitions);
  }

  async #request(range: Window, partitions: readonly Partition[]): Promise<Totals> {
    const { job, source } = this.#context;
    this.#verificationBudget -= batchesOf(partitions, source.batchSize).length;
    const request = {
      window: range,
      bucket: job.bucket,
      zone: job.zone,
      signal: this.#input.signal,
      ...(this.#rangeEnd && { rangeEnd: this.#rangeEnd }),
    };
    const answers: UsageRecord[][] = [];
    const alive = partitions.filter(this.#isAlive);
    const options = { concurrency: job.rate.concurrency, progress: this.#input.progress };
    const batches = await readBatches(source, request, alive, options, (records) => {
      answers.push([...records]);
    });
    for (const [partition, error] of batches.failed) this.#result.failed.set(partition, error);
    const { dropped, completeUntil } = this.#result;
    for (const [reason, rows] of batches.dropped) dropped.set(reason, (dropped.get(reason) ?? 0) + rows);
    this.#result.completeUntil = Math.min(completeUntil, batches.completeUntil);
    return totalsOf(answers.flat());
  }

  /** The first buckets of a window that were read before and are due for the last time. */
  #lastReads(buckets: readonly Window[]): readonly Window[] {
    const { job, ledger } = this.#context;
    const { window, baseline, force, allPartitions } = this.#input;
    if (baseline === 'store' || force || !allPartitions) return [];
    const checkpoints = ledger.checkpoints.of(job.name, window);
    const isLast = ({ start, end }: Window): boolean =>
      this.#readAt - end >= job.lookback &&
      checkpoints.some((checkpoint) => checkpoint.start <= start && end <= checkpoint.end);
    const others = buckets.findIndex((bucket) => !isLast(bucket));
    return others < 0 ? buckets : buckets.slice(0, others);
  }

  /** Reads buckets that are due for the last time one by one, for all that have usage. Resolves to what is left. */
  async #readLast(node: Node): Promise<Node> {
    const { buckets, partitions, totals } = node;
    const last = this.#lastReads(buckets);
    if (last.length === 0) return node;
    const active = activePartitions(partitions, totals, await this.#input.stored(rangeOf(buckets)));
    let sum: Totals = new Map();
    for (const bucket of last) {
      const ofBucket = await this.#request(bucket, active);
      sum = addTotals(sum, ofBucket);
      const leaf = { buckets: [bucket], partitions: active, totals: ofBucket };
      await this.#descend({ ...node, ...leaf });
    }
    const rest = { ...node, buckets: buckets.slice(last.length) };
    if (rest.buckets.length === 0) return { ...rest, partitions: [], totals: new Map() };
    const range = rangeOf(rest.buckets);
    const inferred = subtractTotals(totals, sum);
    const differing = inferred
      ? diffPartitions(
          { partitions, totals: inferred },
          await this.#input.stored(range),
          this.#isAlive,
          this.#isSuspect,
        ).partitions
      : partitions;
    return { ...rest, partitions: differing, totals: await this.#request(range, differing) };
  }

  async #descend(node: Node): Promise<void> {
    if (node.partitions.length === 0) return;
    const range = rangeOf(node.buckets);
    if (node.totals.size > 0) this.#oldestUsage = Math.min(this.#oldestUsage, range.end);
    const stored = await this.#input.stored(range);
    const differing = diffPartitions(node, stored, this.#isAlive);
    const equal = this.#equal(node, differing.partitions);
    const isFull = this.#isSuspect || this.#input.full === true;
    if (!isFull) await this.#compareDays(node, equal);
    const hasParts = node.buckets.length > 1;
    const { partitions, totals, before } =
      isFull && hasParts ? diffPartitions(node, stored, this.#isAlive, true) : differing;
    if (partitions.length === 0) return;
    const moved = new Set([...node.moved, ...equal]);
    const next: Node = { ...node, partitions, totals, moved };
    if (hasParts) return this.#split(next, before);
    if (!node.reported && node.unverified) return void this.#unverified.push(next);
    const allKnown = this.#isTagged || (this.#input.allAnswered && this.#result.failed.size === 0);
    const records = bucketRecords(range.start, totals, before, allKnown);
    if (this.#input.baseline === 'ledger') return this.#emit(records);
    const sure = totalsOfPartitions(
      partitions.filter((partition) => moved.has(partition)),
      before,
    );
    const isSure = (record: UsageRecord): boolean => hasUsage(record) || sure.has(seriesKey(record.tags));
    this.#withdrawn.push(...records.filter((record) => !isSure(record)));
    return this.#emit(records.filter(isSure));
  }

  /** Partitions with usage whose total equals what is stored. */
  #equal({ partitions, totals }: Node, differing: readonly Partition[]): readonly Partition[] {
    const excluded = new Set(differing);
    return activePartitions(partitions, totals).filter(
      (partition) => this.#isAlive(partition) && !excluded.has(partition),
    );
  }

  /** Of older ranges with equal totals the days are compared as well. */
  async #compareDays({ buckets }: Node, equal: readonly Partition[]): Promise<void> {
    const { job } = this.#context;
    const days = splitByDays(rangeOf(buckets), 1, job.zone);
    if (this.#input.baseline === 'ledger' || days.length === 1 || equal.length === 0) return;
    for (const day of days.toReversed()) {
      await this.#descend({
        buckets: bucketsOf(day, job.bucket, job.zone),
        partitions: equal,
        totals: await this.#request(day, equal),
        reported: true,
        unverified: false,
        moved: new Set(equal),
      });
    }
  }

  /** Stores zeros for usage that the provider does not report and has not forgotten. */
  async #storeWithdrawn(): Promise<void> {
    const { bucket, zone } = this.#context.job;
    const { window, partitions } = this.#input;
    const known = this.#withdrawn.filter(({ time }) => bucketEnd(time, bucket, zone) >= this.#oldestUsage);
    for (const day of splitByDays(window, 1, zone)) {
      const zeros = known.filter(({ time }) => time >= day.start && time < day.end);
      if (zeros.length === 0) continue;
      const totals = await this.#request(day, partitions);
      if (totals.size > 0) await this.#emit(zeros);
    }
  }

  async #split(node: Node, before: Totals): Promise<void> {
    const { buckets, partitions } = node;
    const unverified = node.reported ? buckets.length > TRUSTED_BUCKETS || before.size > 0 : node.unverified;
    const middle = splitAt(buckets, this.#readAt);
    const older = buckets.slice(0, middle);
    const newer = buckets.slice(middle);

    const right = await this.#request(rangeOf(newer), partitions);
    const inferred = await this.#inferOlder(node, older, right);
    const left = inferred ?? (await this.#request(rangeOf(older), partitions));
    await this.#compare(node, addTotals(left, right));
    const half = { ...node, unverified };
    await this.#descend({ ...half, buckets: older, totals: left, reported: !inferred });
    await this.#descend({ ...half, buckets: newer, totals: right, reported: true });
  }

  /** The older half by subtraction, where that is as good as requesting it. */
  async #inferOlder(node: Node, older: readonly Window[], right: Totals): Promise<Totals | undefined> {
    const { buckets, partitions, totals } = node;
    if (!partitions.every(this.#isAlive)) return undefined;
    const left = subtractTotals(totals, right);
    if (!left) return undefined;
    if (this.#rangeEnd !== undefined && rangeOf(buckets).end <= this.#finalUntil) return left;
    const stored = await this.#input.stored(rangeOf(older));
    const differing = diffPartitions({ partitions, totals: left }, stored, this.#isAlive).partitions;
    return differing.length === 0 ? left : undefined;
  }

  /** Requests a bucket whose total is inferred, and stores the answer. */
  async #verify(node: Node): Promise<void> {
    if (this.#verificationBudget <= 0) return this.#descend({ ...node, unverified: false });
    const range = rangeOf(node.buckets);
    const totals = await this.#request(range, node.partitions);
    if (node.partitions.every(this.#isAlive) && !sameTotals(totals, node.totals)) {
      this.#reportMismatch(range, node.totals, totals);
    }
    return this.#descend({ ...node, totals, reported: true });
  }

  /** Usage may have arrived between two requests: only what a second request confirms is a mismatch. */
  async #compare({ buckets, partitions, totals, reported }: Node, parts: Totals): Promise<void> {
    const range = rangeOf(buckets);
    if (range.end > this.#readAt || !partitions.every(this.#isAlive) || sameTotals(totals, parts)) return;
    const again = await this.#request(range, partitions);
    if (!partitions.every(this.#isAlive)) return;
    const isConfirmed = sameTotals(again, parts) ? !reported : sameTotals(again, totals);
    if (isConfirmed || (range.end <= this.#finalUntil && !sameTotals(again, parts))) {
      this.#reportMismatch(range, again, parts);
    }
  }

  #reportMismatch(window: Window, whole: Totals, parts: Totals): void {
    const { job, ledger, observe } = this.#context;
    ledger.commit(() => ledger.counters.add(job.name, 'mismatches', 1));
    observe({
      type: 'mismatch',
      job: job.name,
      window,
      whole: describeTotals(whole),
      parts: describeTotals(parts),
    });
  }
}

function hasUsage({ fields }: UsageRecord): boolean {
  return Object.values(fields).some((count) => count > 0);
}

function rangeOf(buckets: readonly Window[]): Window {
  return { start: buckets[0]!.start, end: buckets.at(-1)!.end };
}

/** The open bucket alone, since closed ones have mostly not moved; otherwise the middle. */
function splitAt(buckets: readonly Window[], now: number): number {
  const last = buckets.length - 1;
  return buckets[last]!.end > now ? last : Math.ceil(buckets.length / 2);
}
