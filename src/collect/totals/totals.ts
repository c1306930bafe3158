import { addFields } from '../../usage/aggregate.ts';
import { subtractCounts, toCount, type Count } from '../../usage/count.ts';
import { FIELDS, type Field, type Fields, type Tags, type UsageRecord } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';

/** Totals of a range by series. A series without usage is absent: zero and absent are the same total. */
export type Totals = ReadonlyMap<string, { readonly tags: Tags; readonly fields: Fields }>;

/** Sums records of any time by series, leaving out those whose sum is zero. */
export function totalsOf(records: Iterable<UsageRecord>): Totals {
  const totals = new Map<string, { tags: Tags; fields: Fields }>();
  for (const { tags, fields } of records) {
    const key = seriesKey(tags);
    const before = totals.get(key);
    const sum = before ? addFields(before.fields, fields) : fields;
    totals.set(key, { tags, fields: sum });
  }
  for (const [key, { fields }] of totals) if (isZero(fields)) totals.delete(key);
  return totals;
}

export function addTotals(a: Totals, b: Totals): Totals {
  const sum = new Map(a);
  for (const [key, { tags, fields }] of b) {
    const before = sum.get(key);
    sum.set(key, { tags, fields: before ? addFields(before.fields, fields) : fields });
  }
  return sum;
}

/** `a - b`, or undefined where a counter would become negative. */
export function subtractTotals(a: Totals, b: Totals): Totals | undefined {
  const rest = new Map(a);
  for (const [key, { tags, fields }] of b) {
    const left = minus(a.get(key)?.fields ?? {}, fields);
    if (!left) return undefined;
    if (isZero(left)) rest.delete(key);
    else rest.set(key, { tags, fields: left });
  }
  return rest;
}

export function sameTotals(a: Totals, b: Totals): boolean {
  if (a.size !== b.size) return false;
  for (const [key, { fields }] of a) {
    const other = b.get(key);
    if (!other || !sameCounts(fields, other.fields)) return false;
  }
  return true;
}

/** All input and output together, for messages. */
export function describeTotals(totals: Totals): string {
  let sum = 0n;
  for (const { fields } of totals.values()) for (const field of FIELDS) sum += BigInt(fields[field] ?? 0);
  return String(sum);
}

function isZero(fields: Fields): boolean {
  return FIELDS.every((field) => !fields[field]);
}

function sameCounts(a: Fields, b: Fields): boolean {
  return FIELDS.every((field) => (a[field] ?? 0) === (b[field] ?? 0));
}

function minus(a: Fields, b: Fields): Fields | undefined {
  const rest: Partial<Record<Field, Count>> = { ...a };
  for (const field of FIELDS) {
    if (b[field] === undefined) continue;
    const left = subtractCounts(a[field] ?? 0, b[field]);
    if (left < 0n) return undefined;
    rest[field] = toCount(left);
  }
  return rest;
}

/** Totals by user, whose e-mail address is in lower case. */
export function totalsByOwner(totals: Totals): Map<string, Totals> {
  const owners = new Map<string, Map<string, { tags: Tags; fields: Fields }>>();
  for (const [key, total] of totals) {
    const owner = total.tags.user?.toLowerCase() ?? '';
    const own = owners.get(owner) ?? new Map<string, { tags: Tags; fields: Fields }>();
    owners.set(owner, own.set(key, total));
  }
  return owners;
}
