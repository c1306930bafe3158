import pLimit from 'p-limit';
import { FetchError } from '../../fetch/errors.ts';
import type { Partition, ReadRequest, Source, DropReason } from '../../providers/provider.ts';
import type { UsageRecord } from '../../usage/point.ts';

/** What became of the partitions of one window. */
export interface Batches {
  readonly answered: Partition[];
  /** Partitions that could not be read, each with its own error. */
  readonly failed: Map<Partition, FetchError>;
  readonly dropped: Map<DropReason, number>;
}

/** Nothing more can be read from this provider now: wrong credentials, or it is down. */
export class ProviderDown extends Error {
  override readonly name = 'ProviderDown';
  readonly error: FetchError;

  constructor(error: FetchError) {
    super(error.message, { cause: error });
    this.error = error;
  }
}

/** After so many batches in a row that failed for want of the provider, the rest is not asked. */
const FAILURES_IN_A_ROW = 3;
/** After so many partitions, or a whole batch, each refused alone and nobody answered, the request itself is at fault. */
const REFUSED_ALONE = 20;

/**
 * Asks all partitions in batches as large as the provider takes. A refused batch is halved until the culprits
 * stand alone; everyone else is read. Each answer is handed to `onAnswer` as it comes. Where everyone is a culprit, the rest is not halved any more. @throws ProviderDown, and FetchError of kind `cancelled`.
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
    // One key that is always out of order must not look like an outage, unless it is all there is.
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
      // What one of them may not be asked, the others may not either; only a refusal can be about a single one.
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
