import { limitedTags, limitCardinality, type OverflowPart } from '../../usage/cardinality.ts';
import { createUserMapping } from '../../usage/user-mapping.ts';
import type { Point, Tag, Tags, UsageRecord } from '../../usage/point.ts';
import type { JobContext } from '../context.ts';

/** Points to be stored, and what their acknowledgement changes. */
export interface Prepared {
  readonly points: Point[];
  /** OverflowParts whose series is stored by itself now: to be forgotten once the points are stored or spooled. */
  readonly releasedParts: readonly OverflowPart[];
}

/**
 * What is stored for some changed records: values beyond a tag's limit folded into `__other__`, users named as
 * the job wants it, the job's own tags added. Values that are let in for the first time, and the overflow parts of
 * `__other__` points, are on the disk before this returns.
 */
export function toPoints(context: JobContext, changed: readonly UsageRecord[]): Prepared {
  if (changed.length === 0) return { points: [], releasedParts: [] };
  const { job, ledger, observe } = context;
  const overflowParts = ledger.overflowParts.of(job.name, new Set(changed.map(({ time }) => time)));
  const limits = { limits: job.tagLimits, allowed: allowedValuesOf(context) };
  const limited = limitCardinality(changed, { ...limits, overflowParts });
  if (limited.allowed.length > 0 || limited.overflowParts.length > 0) {
    ledger.commit(() => {
      for (const { tag, value } of limited.allowed) ledger.allowedValues.add(job.name, tag, value);
      ledger.overflowParts.put(job.name, limited.overflowParts);
    });
  }
  for (const [tag, values] of limited.overflow)
    observe({ type: 'overflow', job: job.name, tag, values: values.size });
  const naming = addJobTags(context);
  const points = limited.records.map(({ time, tags, fields }) => ({ time, tags: naming(tags), fields }));
  return { points, releasedParts: limited.releasedParts };
}

/** The tags that usage with these tags is stored under, as far as values have been let in. */
export function storedTags(context: JobContext, teams = context.job.teams): (tags: Tags) => Tags {
  const limits = { limits: context.job.tagLimits, allowed: allowedValuesOf(context) };
  const naming = addJobTags(context, teams);
  return (tags) => naming(limitedTags(tags, limits));
}

/** The tags that usage is stored under, the job's own included; values beyond a limit are left as they are. */
function addJobTags({ job }: JobContext, teams = job.teams): (tags: Tags) => Tags {
  const named = createUserMapping({ teams, pseudonymKey: job.pseudonymKey });
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

function allowedValuesOf({ job, ledger }: JobContext): Map<Tag, Set<string>> {
  const allowed = new Map<Tag, Set<string>>();
  for (const { tag, value } of ledger.allowedValues.of(job.name)) {
    const values = allowed.get(tag as Tag) ?? new Set();
    allowed.set(tag as Tag, values.add(value));
  }
  return allowed;
}
