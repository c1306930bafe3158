import { toLine, type LineLimits } from '../../usage/line-protocol.ts';
import type { Point } from '../../usage/point.ts';
import type { Catalogue } from '../../usage/catalogue.ts';
import { seriesKey } from '../../usage/series.ts';
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

export interface PrepareOptions {
  readonly limits: LineLimits;
  readonly catalogue: Catalogue;
  readonly precheck?: Precheck | undefined;
}

export function prepare(
  points: readonly Point[],
  serialise: Serialiser,
  { limits, catalogue, precheck }: PrepareOptions,
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
    const reason = precheck?.(point) ?? faultOf(point, limits, catalogue);
    if (reason === undefined) good.push(point);
    else rejected.push({ point, reason });
  }
  return { points: good, body: compress(serialise(good)), rejected };
}

function faultOf(point: Point, limits: LineLimits, catalogue: Catalogue): string | undefined {
  try {
    toLine(point, limits, catalogue);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/** Each point once: a later one with the same tags and time replaces fields of the same name. */
export function mergeEqual(points: readonly Point[]): readonly Point[] {
  const merged = new Map<string, Point>();
  for (const point of points) {
    const key = pointKey(point);
    merged.set(key, { ...point, fields: { ...merged.get(key)?.fields, ...point.fields } });
  }
  return [...merged.values()];
}

/** The identity of a point: measurement, time and tags. */
export function pointKey({ measurement = '', time, tags }: Point): string {
  return `${measurement} ${time} ${seriesKey(tags)}`;
}
