import { guardedTags, guardTags, type Share } from '../../usage/cardinality.ts';
import { createNames } from '../../usage/user-mapping.ts';
import type { Point, Tag, Tags, UsageRecord } from '../../usage/point.ts';
import type { Collecting } from '../context.ts';

/** Points to be stored, and what their acknowledgement changes. */
export interface Prepared {
  readonly points: Point[];
  /** Shares whose series is stored by itself now: to be forgotten once the points are stored or spooled. */
  readonly released: readonly Share[];
}

/**
 * What is stored for some changed records: values beyond a tag's limit folded into `__other__`, users named as
 * the job wants it, the job's own tags added. Values that are let in for the first time, and the shares of
 * `__other__` points, are on the disk before this returns.
 */
export function toPoints(collecting: Collecting, changed: readonly UsageRecord[]): Prepared {
  if (changed.length === 0) return { points: [], released: [] };
  const { job, ledger, observe } = collecting;
  const shares = ledger.shares.of(job.name, new Set(changed.map(({ time }) => time)));
  const limits = { limits: job.tagLimits, admitted: admittedValues(collecting) };
  const guarded = guardTags(changed, { ...limits, shares });
  if (guarded.admitted.length > 0 || guarded.shares.length > 0) {
    ledger.commit(() => {
      for (const { tag, value } of guarded.admitted) ledger.admitted.add(job.name, tag, value);
      ledger.shares.put(job.name, guarded.shares);
    });
  }
  for (const [tag, values] of guarded.overflow)
    observe({ type: 'overflow', job: job.name, tag, values: values.size });
  const naming = storedTags(collecting);
  const points = guarded.records.map(({ time, tags, fields }) => ({ time, tags: naming(tags), fields }));
  return { points, released: guarded.released };
}

/** The tags that usage with these tags is stored under, as far as values have been let in. */
export function namedTags(collecting: Collecting, teams = collecting.job.teams): (tags: Tags) => Tags {
  const limits = { limits: collecting.job.tagLimits, admitted: admittedValues(collecting) };
  const naming = storedTags(collecting, teams);
  return (tags) => naming(guardedTags(tags, limits));
}

/** The tags that usage is stored under, the job's own included; values beyond a limit are left as they are. */
function storedTags({ job }: Collecting, teams = job.teams): (tags: Tags) => Tags {
  const named = createNames({ teams, pseudonymKey: job.pseudonymKey });
  const own = { provider: job.provider.id, account: job.account, bucket: job.bucket };
  // The points of a series share their tags as its records do.
  const stored = new Map<Tags, Tags>();
  return (tags) => {
    const before = stored.get(tags);
    if (before) return before;
    const after = { ...named(tags), ...own };
    stored.set(tags, after);
    return after;
  };
}

function admittedValues({ job, ledger }: Collecting): Map<Tag, Set<string>> {
  const admitted = new Map<Tag, Set<string>>();
  for (const { tag, value } of ledger.admitted.of(job.name)) {
    const values = admitted.get(tag as Tag) ?? new Set();
    admitted.set(tag as Tag, values.add(value));
  }
  return admitted;
}
