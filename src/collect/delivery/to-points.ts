import { limitedTags, limitCardinality, type OverflowPart } from '../../usage/cardinality.ts';
import { withTokens } from '../../usage/aggregate.ts';
import { createUserMapping } from '../../usage/user-mapping.ts';
import type { Point, Tag, Tags, UsageRecord } from '../../usage/point.ts';
import type { JobContext } from '../context.ts';
import { jobTags } from '../job.ts';

/** The job that points are stored for. */
type StoredUnder = Pick<JobContext, 'job' | 'ledger' | 'observe'>;

/** Points to store, and what to delete once they are acknowledged. */
export interface Prepared {
  readonly points: Point[];
  /** Parts whose series is now stored under its own tags: delete them once the points are stored or spooled. */
  readonly releasedParts: readonly OverflowPart[];
}

/**
 * Converts changed records to points: values above a tag's limit become `__other__`, users are mapped, the job's
 * tags are added. Newly allowed values and overflow parts are committed before this returns.
 */
export function toPoints(context: StoredUnder, changed: readonly UsageRecord[]): Prepared {
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
  const points = limited.records.map(({ time, tags, fields }) => ({
    time,
    tags: naming(tags),
    fields: withTokens(fields),
  }));
  return { points, releasedParts: limited.releasedParts };
}

/** The stored tags of a record, by the values allowed so far. */
export function storedTags(
  context: Pick<JobContext, 'job' | 'ledger'>,
  teams = context.job.teams,
): (tags: Tags) => Tags {
  const limits = { limits: context.job.tagLimits, allowed: allowedValuesOf(context) };
  const naming = addJobTags(context, teams);
  return (tags) => naming(limitedTags(tags, limits));
}

/** Maps users and adds the job's tags; limits are not applied. */
function addJobTags({ job }: Pick<JobContext, 'job'>, teams = job.teams): (tags: Tags) => Tags {
  const named = createUserMapping({ teams, pseudonymKey: job.pseudonymKey });
  const own = jobTags(job);
  // Points of a series share one tags object, as its records do.
  const stored = new Map<Tags, Tags>();
  return (tags) => {
    const before = stored.get(tags);
    if (before) return before;
    const after = { ...named(tags), ...own };
    stored.set(tags, after);
    return after;
  };
}

function allowedValuesOf({ job, ledger }: Pick<JobContext, 'job' | 'ledger'>): Map<Tag, Set<string>> {
  const allowed = new Map<Tag, Set<string>>();
  for (const { tag, value } of ledger.allowedValues.of(job.name)) {
    const values = allowed.get(tag as Tag) ?? new Set();
    allowed.set(tag as Tag, values.add(value));
  }
  return allowed;
}
