import pLimit from 'p-limit';
import { FetchError } from '../../fetch/errors.ts';
import type { Partition, ReadRequest, Source, DropReason } from '../../providers/provider.ts';
import type { UsageRecord } from '../../usage/point.ts';

/** The outcome of reading some partitions of one window. */
export interface Batches {
  readonly answered: Partition[];
  /** Partitions that could not be read, each with its own error. */
  readonly failed: Map<Partition, FetchError>;
  readonly dropped: Map<DropReason, number>;
}

/** The provider cannot be read now: it is down, or the credentials are wrong. */
export class ProviderDown extends Error {
  override readonly name = 'ProviderDown';
  readonly error: FetchError;

  constructor(error: FetchError) {
    super(error.message, { cause: error });
    this.error = error;
  }
}

/** Consecutive failures before the rest is skipped. */
const FAILURES_IN_A_ROW = 3;
/** Partitions refused one by one, without any answer, before the request itself is taken to be at fault. A whole batch, if that is more. */
const REFUSED_ALONE = 20;

/**
 * Reads partitions in batches as large as the provider takes and hands each answer to `onAnswer` as it comes. A
 * refused batch is halved until each culprit is on its own, unless every partition turns out to be one.
 * @throws ProviderDown, and FetchError of kind `cancelled`
 */
export async function readBatches(
  source: Source,
  request: Omit<ReadRequest, 'partitions'>,
  partitions: readonly Partition[],
  concurrency: number,
  onAnswer: (records: readonly UsageRecord[], batch: readonly Partition[]) => void | Promise<void>,
): Promise<Batches> {
  const result: Batches = { answered: [], failed: new Map(), dropped: new Map() };
  let failuresInARow = 0;

  const fail = (batch: readonly Partition[], error: FetchError): void => {
    for (const partition of batch) result.failed.set(partition, error);
    failuresInARow = error.retriable ? failuresInARow + 1 : 0;
    // One key that always fails is not an outage, unless it is the only one.
    const alone = result.answered.length === 0 && result.failed.size === partitions.length;
    if (error.retriable && (failuresInARow >= FAILURES_IN_A_ROW || alone)) throw new ProviderDown(error);
  };

  const everyoneIsRefused = (): boolean =>
    result.answered.length === 0 && result.failed.size >= Math.max(source.batchSize, REFUSED_ALONE);

  const read = async (batch: readonly Partition[]): Promise<void> => {
    try {
      const answer = await source.read({ ...request, partitions: batch });
      result.answered.push(...batch);
      for (const [reason, rows] of Object.entries(answer.dropped ?? {}) as [DropReason, number][]) {
        result.dropped.set(reason, (result.dropped.get(reason) ?? 0) + rows);
      }
      failuresInARow = 0;
      await onAnswer(answer.records, batch);
    } catch (error) {
      if (!(error instanceof FetchError) || error.kind === 'cancelled') throw error;
      if (error.kind === 'credentials') throw new ProviderDown(error);
      // A missing permission concerns all partitions; only a refusal can concern a single one.
      const divisible = error.kind === 'refused' || error.kind === 'invalid_response';
      if (batch.length === 1 || !divisible || everyoneIsRefused()) return fail(batch, error);
      const middle = Math.ceil(batch.length / 2);
      await read(batch.slice(0, middle));
      await read(batch.slice(middle));
    }
  };

  let over = false;
  const readNext = async (batch: readonly Partition[]): Promise<void> => {
    if (over) return;
    try {
      await read(batch);
    } catch (error) {
      over = true;
      throw error;
    }
  };
  const limit = pLimit(concurrency);
  await Promise.all(batchesOf(partitions, source.batchSize).map((batch) => limit(() => readNext(batch))));
  return result;
}

/** Full batches of `size`, the last one holding the rest. */
export function batchesOf<T>(items: readonly T[], size: number): T[][] {
  const batches: T[][] = [];
  for (let i = 0; i < items.length; i += size) batches.push(items.slice(i, i + size));
  return batches;
}
