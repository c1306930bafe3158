import { addCounts, type Count } from './count.ts';
import { FIELDS, type Field, type Fields, type UsageRecord } from './point.ts';
import { seriesKey } from './series.ts';

/** Field by field sum; a field absent on both sides stays absent. @throws RangeError above 2^63-1. */
export function addFields(a: Fields, b: Fields): Fields {
  const sum: Partial<Record<Field, Count>> = { ...a };
  for (const field of FIELDS) {
    const value = b[field];
    if (value !== undefined) sum[field] = sum[field] === undefined ? value : addCounts(sum[field], value);
  }
  return sum;
}

/** True when both have the same fields with the same values. */
export function sameFields(a: Fields, b: Fields): boolean {
  return FIELDS.every((field) => a[field] === b[field]);
}

/** Records of the same series and time become one, their fields summed exactly. Order of first appearance. */
export function sumRecords(records: Iterable<UsageRecord>): UsageRecord[] {
  const sums = new Map<string, UsageRecord>();
  for (const record of records) {
    const key = `${record.time}\u0003${seriesKey(record.tags)}`;
    const sum = sums.get(key);
    sums.set(key, sum ? { ...sum, fields: addFields(sum.fields, record.fields) } : record);
  }
  return [...sums.values()];
}

/** Tokens of a record: the vendor's own total, or else input and output together. */
export function tokensOf(fields: Fields): bigint {
  if (fields.total_tokens !== undefined) return BigInt(fields.total_tokens);
  return BigInt(fields.input_tokens ?? 0) + BigInt(fields.output_tokens ?? 0);
}
