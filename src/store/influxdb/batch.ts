import { toLine, type LineLimits } from '../../usage/line-protocol.ts';
import type { Point } from '../../usage/point.ts';
import { createRecordIndex } from '../../usage/record-index.ts';
import type { Serialiser } from '../../usage/serialiser.ts';
import { compress } from './post.ts';
import type { Rejection } from '../store.ts';

/** The points of one request with its compressed body, and the points that cannot be sent. */
export interface Batch {
  readonly points: readonly Point[];
  readonly body: Promise<Buffer>;
  readonly rejected: readonly Rejection[];
}

/** Why a server would silently drop or change a point; undefined if it would not. */
export type Precheck = (point: Point) => string | undefined;

export function prepare(
  points: readonly Point[],
  serialise: Serialiser,
  limits: LineLimits,
  precheck: Precheck | undefined,
): Batch {
  if (!precheck) {
    try {
      return { points, body: compress(serialise(points)), rejected: [] };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  const good: Point[] = [];
  const rejected: Rejection[] = [];
  for (const point of points) {
    const reason = precheck?.(point) ?? faultOf(point, limits);
    if (reason === undefined) good.push(point);
    else rejected.push({ point, reason });
  }
  return { points: good, body: compress(serialise(good)), rejected };
}

function faultOf(point: Point, limits: LineLimits): string | undefined {
  try {
    toLine(point, limits);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/** Each point once: a later one with the same tags and time replaces fields of the same name. */
export function mergeEqual(points: readonly Point[]): readonly Point[] {
  const merged = createRecordIndex();
  const replace = (earlier: Point, point: Point): Point => ({
    ...point,
    fields: { ...earlier.fields, ...point.fields },
  });
  for (const point of points) merged.add(point, replace);
  return merged.values();
}
