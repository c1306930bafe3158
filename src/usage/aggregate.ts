import { addCounts, MAX_COUNT, toCount, type Count } from './count.ts';
import { type Field, type Fields, type UsageRecord } from './point.ts';
import { createRecordIndex } from './record-index.ts';

/** Sums field by field; a field absent on both sides stays absent. @throws RangeError above 2^63-1 */
export function addFields(a: Fields, b: Fields): Fields {
  const sum: Partial<Record<Field, Count>> = { ...a };
  for (const field in b) {
    const [before, value] = [sum[field as Field], b[field as Field]];
    if (value !== undefined) sum[field as Field] = before === undefined ? value : addCounts(before, value);
  }
  return sum;
}

/** True when both have the same fields with the same values. */
export function sameFields(a: Fields, b: Fields): boolean {
  for (const field in a) if (a[field as Field] !== b[field as Field]) return false;
  for (const field in b) if (a[field as Field] !== b[field as Field]) return false;
  return true;
}

/** Merges records of the same series and time by exact sums, in order of first appearance. */
export function sumRecords(records: Iterable<UsageRecord>): UsageRecord[] {
  const sums = createRecordIndex();
  for (const record of records) sums.add(record, addRecords);
  return [...sums.values()];
}

/** The sum of two records of one series and bucket. */
export function addRecords({ time, tags, fields }: UsageRecord, other: UsageRecord): UsageRecord {
  return { time, tags, fields: addFields(fields, other.fields) };
}

/** Tokens of a record: the vendor's own total, else input plus output. */
export function tokensOf(fields: Fields): bigint {
  if (fields.total_tokens !== undefined) return BigInt(fields.total_tokens);
  return BigInt(fields.input_tokens ?? 0) + BigInt(fields.output_tokens ?? 0);
}

/** Adds the derived field `tokens`; it stays absent if unknown or above 2^63-1. */
export function withTokens(fields: Fields): Fields {
  if (fields.tokens !== undefined) return fields;
  const { total_tokens: total, input_tokens: input, output_tokens: output } = fields;
  if (total === undefined && input === undefined && output === undefined) return fields;
  const tokens = tokensOf(fields);
  return tokens > MAX_COUNT ? fields : { ...fields, tokens: toCount(tokens) };
}

/** True if the field `tokens` is as `withTokens` derives it. */
export function hasTokens({ tokens, ...reported }: Fields): boolean {
  return withTokens(reported).tokens === tokens;
}

/** The same fields with the value 0. */
export function zeros(fields: Fields): Fields {
  return Object.fromEntries(Object.keys(fields).map((field) => [field, 0]));
}
