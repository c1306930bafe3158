import { addFields, withTokens, zeros } from './aggregate.ts';
import { TAGS, type Tag, type Tags, type UsageRecord } from './point.ts';
import { seriesKey } from './series.ts';

/** Replaces values above the limit of their tag. */
export const OTHER = '__other__';

export interface Limits {
  /** Maximum number of distinct values per tag; absent tags have no limit. */
  readonly limits: Readonly<Partial<Record<Tag, number>>>;
  /** Values stored under their own name so far. */
  readonly allowed: ReadonlyMap<Tag, ReadonlySet<string>>;
}

/** Usage of one series that is stored as part of an `__other__` point. */
export interface OverflowPart {
  readonly record: UsageRecord;
  /** Tags of the `__other__` point. */
  readonly into: Tags;
}

export interface Limited {
  /** Records to store. */
  readonly records: UsageRecord[];
  /** Values allowed for the first time. */
  readonly allowed: { readonly tag: Tag; readonly value: string }[];
  /** New parts of `__other__` points; each replaces the earlier part of the same series and time. */
  readonly overflowParts: OverflowPart[];
  /** Earlier parts whose series is now stored under its own tags. */
  readonly releasedParts: OverflowPart[];
  /** Values above the limit, for a warning and a metric. */
  readonly overflow: ReadonlyMap<Tag, ReadonlySet<string>>;
}

/**
 * Bounds the number of series: the first values of a tag keep their name, usage of further values is summed into
 * points tagged `__other__`.
 *
 * An `__other__` point is a sum over many series, but one answer may cover only some of them (a batch of members, a
 * retried partition, changed rows). Overwriting the point with the sum of one answer would lose the rest. Therefore
 * the ledger keeps the series behind every `__other__` point as overflow parts, and the point is always the sum of
 * all parts of its bucket.
 *
 * Preconditions; otherwise usage is counted twice or lost:
 * - `overflowParts` holds all parts that the ledger has for this job and the records' buckets;
 * - `allowed` and `overflowParts` of the result are committed before its records go to the store;
 * - `releasedParts` are deleted in the commit that follows the store's acknowledgement;
 * - calls for one job are sequential.
 *
 * Pure. @throws RangeError where a sum exceeds 2^63-1
 */
export function limitCardinality(
  records: readonly UsageRecord[],
  { limits, allowed, overflowParts }: Limits & { readonly overflowParts: Iterable<OverflowPart> },
): Limited {
  const gate = createLimiter(limits, allowed);
  const held = new Map<string, OverflowPart>();
  for (const part of overflowParts) held.set(keyOf(part.record), part);
  const sums = new Map<string, UsageRecord>();
  const plain: UsageRecord[] = [];
  const changed: OverflowPart[] = [];
  const releasedParts: OverflowPart[] = [];

  /** Marks the point of a part for summing; a field that no part has any more becomes 0. */
  function touch({ record, into }: OverflowPart): void {
    const key = keyOf({ time: record.time, tags: into });
    const fields = { ...sums.get(key)?.fields, ...zeros(withTokens(record.fields)) };
    sums.set(key, { time: record.time, tags: into, fields });
  }

  for (const record of records) {
    const into = gate.pass(record.tags);
    if (into === record.tags && held.size === 0) {
      plain.push(record);
      continue;
    }
    const key = keyOf(record);
    const old = held.get(key);
    if (old) touch(old);
    if (into === record.tags) {
      plain.push(record);
      if (old) releasedParts.push(old);
      held.delete(key);
    } else {
      const part = { record: { ...record, fields: { ...old?.record.fields, ...record.fields } }, into };
      touch(part);
      changed.push(part);
      held.set(key, part);
    }
  }
  for (const { record, into } of held.values()) {
    const key = keyOf({ time: record.time, tags: into });
    const sum = sums.get(key);
    // Parts may differ in whether they have a total of their own: `tokens` is summed, not derived from the sums.
    if (sum) sums.set(key, { ...sum, fields: addFields(sum.fields, withTokens(record.fields)) });
  }
  return {
    records: [...plain, ...sums.values()],
    allowed: gate.allowed,
    overflowParts: changed,
    releasedParts,
    overflow: gate.overflow,
  };
}

/** The stored tags: values that were not allowed are `__other__`, even if the limit has room now. */
export function limitedTags(tags: Tags, { limits, allowed }: Limits): Tags {
  let limited = tags;
  for (const tag of TAGS) {
    const value = tags[tag];
    if (!value || limits[tag] === undefined || (value !== OTHER && allowed.get(tag)?.has(value))) continue;
    limited = { ...limited, [tag]: OTHER };
  }
  return limited;
}

function createLimiter(limits: Limits['limits'], before: Limits['allowed']) {
  const limited = TAGS.filter((tag) => limits[tag] !== undefined);
  const fresh = new Map<Tag, Set<string>>(limited.map((tag) => [tag, new Set()]));
  const overflow = new Map<Tag, Set<string>>();
  const allowed: { tag: Tag; value: string }[] = [];

  function admits(tag: Tag, value: string): boolean {
    // A provider's own `__other__` belongs to ours.
    if (value === OTHER) return false;
    const known = before.get(tag);
    const added = fresh.get(tag)!;
    if (known?.has(value) || added.has(value)) return true;
    if ((known?.size ?? 0) + added.size >= limits[tag]!) return false;
    added.add(value);
    allowed.push({ tag, value });
    return true;
  }

  /** Returns the same object if no value exceeds its limit. */
  function pass(tags: Tags): Tags {
    let passed = tags;
    for (const tag of limited) {
      const value = tags[tag];
      if (!value || admits(tag, value)) continue;
      passed = { ...passed, [tag]: OTHER };
      overflow.set(tag, (overflow.get(tag) ?? new Set()).add(value));
    }
    return passed;
  }

  return { pass, allowed, overflow };
}

function keyOf({ time, tags }: Pick<UsageRecord, 'time' | 'tags'>): string {
  return `${time} ${seriesKey(tags)}`;
}
