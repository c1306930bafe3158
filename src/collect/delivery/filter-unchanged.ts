import { StoreError } from '../../store/store.ts';
import { TAGS, type Fields, type Field, type Point, type Tag } from '../../usage/point.ts';
import { createRecordIndex } from '../../usage/record-index.ts';
import type { JobContext } from '../context.ts';
import { jobTags } from '../job.ts';
import { drain } from './deliver.ts';

/** The most tag values that one query lists. */
const MOST_VALUES = 500;

/**
 * The points that differ from the stored ones, for buckets that are no longer in the ledger. All of them if the
 * store cannot be queried.
 */
export async function filterUnchanged(
  context: JobContext,
  points: readonly Point[],
  signal?: AbortSignal,
): Promise<readonly Point[]> {
  // Spooled points are newer than stored ones.
  if (points.length === 0 || !(await drain(context, signal))) return points;
  const { job, store, ledger, observe } = context;
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
    if (!(error instanceof StoreError)) throw error;
    // An unavailable store says so at the write; this one needs a person, though writes may go through.
    if (error.kind === 'config')
      observe({ type: 'store_down', job: job.name, error, spooled: ledger.spool.size() });
    return points;
  }
  return points.filter((point) => !holds(stored.get(point)?.fields, point.fields));
}

/** Whether the stored point has all of these values. */
function holds(stored: Fields | undefined, fields: Fields): boolean {
  if (!stored) return false;
  for (const field in fields) if (stored[field as Field] !== fields[field as Field]) return false;
  return true;
}

/** The tag with the most distinct values: restricting the query to them returns the fewest other points. */
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
