import { StoreError } from '../../store/store.ts';
import { TAGS, type Fields, type Field, type Point, type Tag } from '../../usage/point.ts';
import { createRecordIndex } from '../../usage/record-index.ts';
import type { JobContext } from '../context.ts';
import { jobTags } from '../job.ts';
import { drain } from './deliver.ts';

/** A question to the store names at most so many users, keys or endpoints. */
const MOST_VALUES = 500;

/**
 * The points that the store does not hold as they are: for buckets that are too old for the ledger to remember them.
 * All of them where the store cannot be asked.
 */
export async function filterUnchanged(
  context: JobContext,
  points: readonly Point[],
  signal?: AbortSignal,
): Promise<readonly Point[]> {
  // What waits in the spool is newer than what the store holds.
  if (points.length === 0 || !(await drain(context, signal))) return points;
  const { job, store } = context;
  const times = points.map(({ time }) => time);
  const stored = createRecordIndex();
  try {
    const found = await store.points({
      start: times.reduce((a, b) => Math.min(a, b)),
      end: times.reduce((a, b) => Math.max(a, b)) + 1,
      where: jobTags(job),
      ...amongOf(points),
    });
    for (const point of found) stored.add(point, (_, later) => later);
  } catch (error) {
    if (error instanceof StoreError) return points;
    throw error;
  }
  return points.filter((point) => !holds(stored.get(point)?.fields, point.fields));
}

/** Writing the fields would change nothing. */
function holds(stored: Fields | undefined, fields: Fields): boolean {
  if (!stored) return false;
  for (const field in fields) if (stored[field as Field] !== fields[field as Field]) return false;
  return true;
}

/** The tag by which the answer holds the least beside these points. */
function amongOf(points: readonly Point[]): { among?: { tag: Tag; values: string[] } } {
  let best: Set<string> | undefined;
  let bestTag: Tag | undefined;
  for (const tag of TAGS) {
    const values = new Set(points.map(({ tags }) => tags[tag] ?? ''));
    if (values.has('') || values.size > MOST_VALUES || values.size <= (best?.size ?? 0)) continue;
    [best, bestTag] = [values, tag];
  }
  return best && bestTag ? { among: { tag: bestTag, values: [...best] } } : {};
}
