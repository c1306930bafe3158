import type { Catalogue } from '../../usage/catalogue.ts';
import type { LineLimits } from '../../usage/line-protocol.ts';
import type { Point } from '../../usage/point.ts';
import { createSerialiser } from '../../usage/serialiser.ts';
import type { DeadLetters } from '../dead-letters.ts';
import { StoreError, type Rejection, type WriteResult } from '../store.ts';
import { mergeEqual, pointKey, prepare, type Batch, type Precheck } from './batch.ts';
import type { Connection } from './connection.ts';
import type { Post } from './post.ts';
import { Unavailable, withRetries, type RetryPolicy } from './unavailable.ts';
import { classifyResponse, type WriteOutcome } from './write-outcome.ts';

/** The batch size that InfluxDB recommends. */
export const CHUNK = 5_000;

export interface WriteContext {
  readonly connection: Connection;
  readonly post: Post;
  readonly retryPolicy: RetryPolicy;
  readonly deadLetters: DeadLetters;
  readonly limits: LineLimits;
  readonly catalogue: Catalogue;
  /** Merge points with equal tags and time: the server may keep either of them. */
  readonly mergesEqual: boolean;
  readonly precheck?: Precheck | undefined;
}

export type Write = (points: readonly Point[], signal: AbortSignal) => Promise<WriteResult>;

/**
 * Writes chunks in order. The next one is sent when every point of the one before is acknowledged or rejected. If a
 * chunk fails, it and all after it are kept. Calls must not overlap.
 */
export function createWrite(writing: WriteContext): Write {
  const { connection, post, retryPolicy, deadLetters, limits, catalogue, mergesEqual } = writing;
  const serialise = createSerialiser(limits, catalogue);
  const batchOf = (points: readonly Point[]): Batch =>
    prepare(mergesEqual ? mergeEqual(points) : points, serialise, writing);

  async function deliver(compressing: Promise<Buffer>, signal: AbortSignal): Promise<WriteOutcome> {
    const body = await compressing;
    return withRetries(
      async () => classifyResponse(await post(body, signal), connection),
      retryPolicy,
      signal,
    );
  }

  /** @returns the rejected points, when all others are acknowledged */
  async function deliverBatch(batch: Batch, signal: AbortSignal, byName = true): Promise<Rejection[]> {
    const { points, body } = batch;
    if (points.length === 0) return [...batch.rejected];
    const outcome = await deliver(body, signal);
    if (outcome.kind === 'accepted') return [...batch.rejected];
    const all = outcome.kind === 'refused' && outcome.dropped === points.length;
    if (points.length === 1 || all) {
      return [...batch.rejected, ...points.map((point) => ({ point, reason: outcome.reason }))];
    }
    if (outcome.kind === 'refused' && byName && outcome.lines.size > 0) {
      const named = points.flatMap((point, index) => {
        const reason = outcome.lines.get(index);
        return reason === undefined ? [] : [{ point, reason }];
      });
      const rest = batchOf(points.filter((_, index) => !outcome.lines.has(index)));
      return [...batch.rejected, ...named, ...(await deliverBatch(rest, signal, false))];
    }
    const middle = Math.ceil(points.length / 2);
    const first = await deliverBatch(batchOf(points.slice(0, middle)), signal);
    const second = await deliverBatch(batchOf(points.slice(middle)), signal);
    return [...batch.rejected, ...first, ...second];
  }

  return async (points, signal) => {
    const rejected: Rejection[] = [];
    let batch = batchOf(points.slice(0, CHUNK));
    for (let start = 0; start < points.length; start += CHUNK) {
      const chunk = points.slice(start, start + CHUNK);
      try {
        const delivering = deliverBatch(batch, signal);
        // Serialised and compressed while the chunk before is sent.
        batch = batchOf(points.slice(start + CHUNK, start + 2 * CHUNK));
        const refused = inOrder(await delivering, chunk, mergesEqual);
        deadLetters.add(refused);
        rejected.push(...refused);
      } catch (error) {
        const kept = points.slice(start);
        return {
          accepted: start - rejected.length,
          rejected,
          kept,
          error: keepingError(error, signal, connection),
        };
      }
    }
    return { accepted: points.length - rejected.length, rejected, kept: [] };
  };
}

/** The error of kept points. @throws any other error */
function keepingError(error: unknown, signal: AbortSignal, { description }: Connection): StoreError {
  if (signal.aborted) return new Unavailable(`the write to ${description} was aborted`);
  if (error instanceof StoreError && error.kind === 'unavailable') return error;
  throw error;
}

/** The rejections in the order of the points. The rejection of a merged point is one of every point that it is made of. */
function inOrder(
  rejections: readonly Rejection[],
  points: readonly Point[],
  mergesEqual: boolean,
): Rejection[] {
  if (rejections.length === 0) return [];
  if (mergesEqual) {
    const reasons = new Map(rejections.map(({ point, reason }) => [pointKey(point), reason]));
    return points.flatMap((point) => {
      const reason = reasons.get(pointKey(point));
      return reason === undefined ? [] : [{ point, reason }];
    });
  }
  const reasons = new Map(rejections.map((rejection) => [rejection.point, rejection]));
  return points.flatMap((point) => reasons.get(point) ?? []);
}
