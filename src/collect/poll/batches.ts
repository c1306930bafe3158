import { setMaxListeners } from 'node:events';
import pLimit from 'p-limit';
import { FetchError, type FetchErrorKind } from '../../fetch/errors.ts';
import { cancelled } from '../../fetch/signals.ts';
import type { Partition, ReadRequest, Source, DropReason } from '../../providers/provider.ts';
import { TokentideError } from '../../lib/errors.ts';
import type { UsageRecord } from '../../usage/point.ts';
import type { PollProgress } from './progress.ts';
import { asFetchError } from './as-fetch-error.ts';

/** The outcome of reading some partitions of one window. */
export interface Batches {
  readonly answered: Partition[];
  /** Partitions that could not be read, each with its own error. */
  readonly failed: Map<Partition, FetchError>;
  readonly dropped: Map<DropReason, number>;
  /** Usage before this time is final according to every answer, Unix seconds; -Infinity if one does not say. */
  completeUntil: number;
}

export function emptyBatches(): Batches {
  return { answered: [], failed: new Map(), dropped: new Map(), completeUntil: Infinity };
}

export interface BatchOptions {
  /** Requests under way at once. */
  readonly concurrency: number;
  readonly progress: PollProgress;
}

type OnAnswer = (records: readonly UsageRecord[], batch: readonly Partition[]) => void | Promise<void>;

/** The provider cannot be read now: it is down, or the credentials are wrong. */
export class ProviderDown extends TokentideError {
  override readonly name = 'ProviderDown';
  override readonly exitCode = 1;
  readonly kind: FetchErrorKind;
  override readonly hint: string | undefined;
  readonly error: FetchError;

  constructor(error: FetchError) {
    super(error.message, { cause: error });
    this.error = error;
    this.kind = error.kind;
    this.hint = error.hint;
  }
}

/** Consecutive failures before the rest is skipped. */
const FAILURES_IN_A_ROW = 3;
/** Partitions refused one by one, without any answer, before the request itself is taken to be at fault. A whole batch, if that is more. */
const REFUSED_ALONE = 20;
/** Requests of one poll for halving batches that fail with a server error. Isolating one partition of 100 takes 14. */
const HALVING_CALLS = 24;
/** Single partitions to be read after such a failure while the provider has answered nothing in this poll: it may be down. */
const PROBES = 3;

/**
 * Reads partitions in batches as large as the provider takes and hands each answer to `onAnswer` as it comes. A
 * batch that is refused is halved until each failing partition is isolated, unless every partition fails. So is,
 * within a number of calls per poll, a batch that fails with a server error and holds a partition that failed before.
 * No call is under way any more when this returns or throws.
 * @throws ProviderDown, FetchError of kind `cancelled`, and what `onAnswer` throws
 */
export async function readBatches(
  source: Source,
  request: Omit<ReadRequest, 'partitions'>,
  partitions: readonly Partition[],
  options: BatchOptions,
  onAnswer: OnAnswer,
): Promise<Batches> {
  const { failedBefore } = options.progress;
  const [known, others] = [true, false].map((failed) =>
    partitions.filter(({ id }) => failedBefore.has(id) === failed),
  );
  // Partitions that failed before have batches of their own, so that nobody else fails with them.
  const batches = [...batchesOf(others!, source.batchSize), ...batchesOf(known!, source.batchSize)];
  const reader = new BatchReader(source, request, partitions.length, options, onAnswer);
  await reader.readAll(batches);
  return reader.result;
}

class BatchReader {
  readonly result = emptyBatches();
  readonly #source: Source;
  readonly #request: Omit<ReadRequest, 'partitions'>;
  readonly #partitions: number;
  readonly #options: BatchOptions;
  readonly #onAnswer: OnAnswer;
  /** Ends the calls under way once one of them has shown that the rest is of no use. */
  readonly #stop = new AbortController();

  constructor(
    source: Source,
    request: Omit<ReadRequest, 'partitions'>,
    partitions: number,
    options: BatchOptions,
    onAnswer: OnAnswer,
  ) {
    this.#source = source;
    this.#request = request;
    this.#partitions = partitions;
    this.#options = options;
    this.#onAnswer = onAnswer;
    // Every call under way adds a listener.
    setMaxListeners(0, this.#stop.signal);
  }

  async readAll(batches: readonly Partition[][]): Promise<void> {
    const { signal } = this.#request;
    const abort = (): void => this.#stop.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    const limit = pLimit(this.#options.concurrency);
    let first: { error: unknown } | undefined;
    const readNext = async (batch: Partition[]): Promise<void> => {
      if (first) return;
      try {
        await this.#readBatch(batch);
      } catch (error) {
        first ??= { error };
        this.#stop.abort(error);
      }
    };
    try {
      await Promise.all(batches.map((batch) => limit(() => readNext(batch))));
    } finally {
      signal.removeEventListener('abort', abort);
    }
    if (first) throw first.error;
  }

  /** One batch, in ever smaller parts as long as one partition may make the others fail. */
  async #readBatch(batch: readonly Partition[]): Promise<void> {
    const queue: (readonly Partition[])[] = [batch];
    let last: FetchError | undefined;
    for (let part = queue.shift(); part; part = queue.shift()) {
      const error = await this.#read(part);
      if (!error) continue;
      last = error;
      if (this.#concernsOne(part, error)) queue.unshift(...halvesOf(part));
      else if (!this.#mayConcernOne(part, error)) this.#fail(part, error);
      else if (this.#options.progress.answered || (await this.#probe(part))) {
        queue.push(...this.#halve(part, error));
      } else this.#fail(part, error);
    }
    if (last) this.#judge(batch, last);
  }

  /** The error of one request, or undefined when it was answered. */
  async #read(batch: readonly Partition[]): Promise<FetchError | undefined> {
    const { signal } = this.#stop;
    const answer = await this.#source
      .read({ ...this.#request, partitions: batch, signal })
      .catch(asFetchError);
    if (signal.aborted) throw cancelled('read');
    if (answer instanceof FetchError) {
      if (answer.kind === 'cancelled') throw answer;
      if (answer.kind === 'credentials') throw new ProviderDown(answer);
      return answer;
    }
    const { answered, dropped } = this.result;
    answered.push(...batch);
    for (const [reason, rows] of Object.entries(answer.dropped ?? {}) as [DropReason, number][]) {
      dropped.set(reason, (dropped.get(reason) ?? 0) + rows);
    }
    this.result.completeUntil = Math.min(this.result.completeUntil, answer.completeUntil ?? -Infinity);
    this.#options.progress.answered = true;
    if (answer.records.length > 0 || dropped.size > 0) this.#options.progress.hasRows = true;
    this.#options.progress.failuresInARow = 0;
    await this.#onAnswer(answer.records, batch);
    return undefined;
  }

  /** A missing permission concerns all partitions; a refusal may concern a single one. */
  #concernsOne(part: readonly Partition[], { kind }: FetchError): boolean {
    const { answered, failed } = this.result;
    const everyoneIsRefused =
      answered.length === 0 && failed.size >= Math.max(this.#source.batchSize, REFUSED_ALONE);
    return (
      part.length > 1 &&
      (kind === 'refused' || kind === 'invalid_response' || kind === 'unexpected') &&
      !everyoneIsRefused
    );
  }

  /** A server error may concern a single partition once it has come at two polls. */
  #mayConcernOne(part: readonly Partition[], { kind }: FetchError): boolean {
    const { failedBefore } = this.#options.progress;
    return part.length > 1 && kind === 'unavailable' && part.some(({ id }) => failedBefore.has(id));
  }

  /** Whether the provider answers for one of a few partitions alone. */
  async #probe(part: readonly Partition[]): Promise<boolean> {
    const { progress } = this.#options;
    const first = Math.floor(progress.startedAt / 60);
    for (let i = 0; i < PROBES && progress.probes < PROBES; i++) {
      progress.probes += 1;
      const partition = part[(first + i * Math.ceil(part.length / PROBES)) % part.length]!;
      if (!(await this.#read([partition]))) return true;
    }
    return false;
  }

  /** The halves of what has not been answered, or nothing when the calls of the poll are used up. */
  #halve(part: readonly Partition[], error: FetchError): (readonly Partition[])[] {
    const { progress } = this.#options;
    const left = part.filter((partition) => !this.result.answered.includes(partition));
    if (progress.halvingCalls + 2 > HALVING_CALLS) {
      this.#fail(left, error);
      return [];
    }
    progress.halvingCalls += 2;
    return halvesOf(left);
  }

  #fail(part: readonly Partition[], error: FetchError): void {
    for (const partition of part) {
      this.result.failed.set(partition, error);
      if (error.kind === 'unavailable') this.#options.progress.failed.add(partition.id);
    }
  }

  /** Decides after each batch whether the provider is down. @throws ProviderDown */
  #judge(batch: readonly Partition[], error: FetchError | undefined): void {
    if (!error) return;
    const { failed } = this.result;
    const { progress } = this.#options;
    const nobodyAnswered = batch.every((partition) => failed.has(partition));
    if (!error.retriable || !nobodyAnswered) {
      progress.failuresInARow = 0;
      return;
    }
    // Keys that always fail are not an outage, unless they are all there are.
    const isKnown = progress.answered && batch.every(({ id }) => progress.failedBefore.has(id));
    if (!isKnown) progress.failuresInARow += 1;
    const isAlone = !progress.answered && failed.size === this.#partitions;
    if (progress.failuresInARow >= FAILURES_IN_A_ROW || isAlone) throw new ProviderDown(error);
  }
}

/** Two halves, or one part where there is nothing to halve. */
function halvesOf<T>(items: readonly T[]): (readonly T[])[] {
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)].filter((half) => half.length > 0);
}

/** Full batches of `size`, the last one holding the rest. */
export function batchesOf<T>(items: readonly T[], size: number): T[][] {
  const batches: T[][] = [];
  for (let i = 0; i < items.length; i += size) batches.push(items.slice(i, i + size));
  return batches;
}
