import { addFields } from './aggregate.ts';
import { FIELDS, TAGS, type Field, type Fields, type Tag, type Tags, type UsageRecord } from './point.ts';
import { seriesKey } from './series.ts';

/** What a value becomes beyond its tag's limit. */
export const OTHER = '__other__';

export interface Limits {
  /** The most distinct values of a tag; a tag that is absent here is not limited. */
  readonly limits: Readonly<Partial<Record<Tag, number>>>;
  /** The values that were let in so far. */
  readonly allowed: ReadonlyMap<Tag, ReadonlySet<string>>;
}

/** Usage of one true series that was stored as a part of an `__other__` point. */
export interface OverflowPart {
  readonly record: UsageRecord;
  /** The tags of the point it went into. */
  readonly into: Tags;
}

export interface Limited {
  /** What to store. */
  readonly records: UsageRecord[];
  /** Values let in for the first time. */
  readonly allowed: { readonly tag: Tag; readonly value: string }[];
  /** What went into `__other__` points now; replaces an earlier share of the same series and time. */
  readonly overflowParts: OverflowPart[];
  /** Earlier overflow parts whose series is stored by itself now. */
  readonly releasedParts: OverflowPart[];
  /** The values beyond the limit, for a warning and a metric. */
  readonly overflow: ReadonlyMap<Tag, ReadonlySet<string>>;
}

/**
 * Keeps the number of series bounded: the first values of a tag stay, usage of further ones is added up in
 * points whose tag says `__other__`.
 *
 * An `__other__` point is a sum over many series, while one answer of a provider may hold only some of them: a
 * batch of members, a retried partition, what has changed. Summing an answer by itself would put the part over
 * the whole. So the true series behind every `__other__` point are remembered as overflow parts for as long as the
 * bucket may be read again, and the point is always the sum of all overflow parts of its bucket: whatever comes again,
 * in whatever pieces and order, the sums stay exact.
 *
 * What the caller owes, or usage is counted twice or not at all:
 * - `overflowParts` are all remembered ones of the records' buckets, of this job;
 * - `allowed` and `overflowParts` of the result are on the disk before its records go to the store;
 * - `releasedParts` are forgotten when the store has acknowledged, together with the ledger's commit;
 * - calls for one job follow one another.
 *
 * Pure. @throws RangeError where a sum exceeds 2^63-1
 */
export function limitCardinality(
  records: readonly UsageRecord[],
  { limits, allowed, overflowParts }: Limits & { readonly overflowParts: Iterable<OverflowPart> },
): Limited {
  const gate = createLimiter(limits, allowed);
  const held = new Map<string, OverflowPart>();
  for (const share of overflowParts) held.set(keyOf(share.record), share);
  const sums = new Map<string, UsageRecord>();
  const plain: UsageRecord[] = [];
  const changed: OverflowPart[] = [];
  const releasedParts: OverflowPart[] = [];

  /** The point of a share has to be summed anew; a field that no share has any more becomes 0. */
  function touch({ record, into }: OverflowPart): void {
    const key = keyOf({ time: record.time, tags: into });
    const fields = { ...sums.get(key)?.fields, ...zeros(record.fields) };
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
      const share = { record: { ...record, fields: { ...old?.record.fields, ...record.fields } }, into };
      touch(share);
      changed.push(share);
      held.set(key, share);
    }
  }
  for (const { record, into } of held.values()) {
    const key = keyOf({ time: record.time, tags: into });
    const sum = sums.get(key);
    if (sum) sums.set(key, { ...sum, fields: addFields(sum.fields, record.fields) });
  }
  return {
    records: [...plain, ...sums.values()],
    allowed: gate.allowed,
    overflowParts: changed,
    releasedParts,
    overflow: gate.overflow,
  };
}

/** The tags that usage went into: values that are not let in are `__other__`, even where there is room by now. */
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
    // Usage that says it is the rest belongs to the rest.
    if (value === OTHER) return false;
    const known = before.get(tag);
    const added = fresh.get(tag)!;
    if (known?.has(value) || added.has(value)) return true;
    if ((known?.size ?? 0) + added.size >= limits[tag]!) return false;
    added.add(value);
    allowed.push({ tag, value });
    return true;
  }

  /** The same object where nothing is beyond its limit. */
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

function zeros(fields: Fields): Fields {
  const zero: Partial<Record<Field, number>> = {};
  for (const field of FIELDS) if (fields[field] !== undefined) zero[field] = 0;
  return zero;
}

function keyOf({ time, tags }: Pick<UsageRecord, 'time' | 'tags'>): string {
  return `${time} ${seriesKey(tags)}`;
}
