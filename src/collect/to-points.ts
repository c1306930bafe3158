import type { Point, UsageRecord } from '../usage/point.ts';
import type { Collecting } from './context.ts';

/**
 * What is stored for some changed records: the job's own tags added.
 * @param known the records of the same window before the change
 */
export function toPoints(
  { job }: Collecting,
  changed: readonly UsageRecord[],
  _known: ReadonlyMap<string, UsageRecord>,
): Point[] {
  const own = { provider: job.provider.id, account: job.account, bucket: job.bucket };
  return changed.map((record) => ({ ...record, tags: { ...record.tags, ...own } }));
}
