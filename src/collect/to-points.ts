import { recordKey } from '../ledger/known.ts';
import { guardedTags, guardTags, type Share } from '../usage/guard.ts';
import { createNames } from '../usage/names.ts';
import type { Point, Tag, Tags, UsageRecord } from '../usage/point.ts';
import type { Collecting } from './context.ts';

/**
 * What is stored for some changed records: values beyond a tag's limit folded into `__other__`, users named as
 * the job wants it, the job's own tags added. Values that are let in for the first time are on the disk before
 * this returns.
 * @param known the records of the same buckets before the change: an `__other__` point is always the sum over
 *   its whole bucket, whatever part of it has changed
 * @param folded what went into `__other__` points of this window so far, by `recordKey`; what goes there now is added
 */
export function toPoints(
  collecting: Collecting,
  changed: readonly UsageRecord[],
  known: ReadonlyMap<string, UsageRecord>,
  folded = new Map<string, UsageRecord>(),
): Point[] {
  if (changed.length === 0) return [];
  const { job, ledger, observe } = collecting;
  const limits = { limits: job.tagLimits, admitted: admittedValues(collecting) };
  const times = new Set(changed.map(({ time }) => time));
  const shares: Share[] = [];
  for (const record of [known, folded].flatMap((records) => [...records.values()])) {
    if (!times.has(record.time)) continue;
    const into = guardedTags(record.tags, limits);
    if (into !== record.tags) shares.push({ record, into });
  }
  const guarded = guardTags(changed, { ...limits, shares });
  for (const { record } of guarded.shares) folded.set(recordKey(record), record);
  for (const { record } of guarded.released) folded.delete(recordKey(record));
  if (guarded.admitted.length > 0) {
    ledger.commit(() => {
      for (const { tag, value } of guarded.admitted) ledger.admitted.add(job.name, tag, value);
    });
  }
  for (const [tag, values] of guarded.overflow)
    observe({ type: 'overflow', job: job.name, tag, values: values.size });
  const naming = storedTags(collecting);
  return guarded.records.map((record) => ({ ...record, tags: naming(record.tags) }));
}

/** The tags that usage is stored under, the job's own included; values beyond a limit are left as they are. */
export function storedTags({ job }: Collecting, teams = job.teams): (tags: Tags) => Tags {
  const named = createNames({ teams, pseudonymKey: job.pseudonymKey });
  const own = { provider: job.provider.id, account: job.account, bucket: job.bucket };
  return (tags) => ({ ...named(tags), ...own });
}

function admittedValues({ job, ledger }: Collecting): Map<Tag, Set<string>> {
  const admitted = new Map<Tag, Set<string>>();
  for (const { tag, value } of ledger.admitted.of(job.name)) {
    const values = admitted.get(tag as Tag) ?? new Set();
    admitted.set(tag as Tag, values.add(value));
  }
  return admitted;
}
