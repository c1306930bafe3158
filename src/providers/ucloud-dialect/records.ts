import { addFields, sumRecords } from '../../usage/aggregate.ts';
import type { Fields, Tags, UsageRecord } from '../../usage/point.ts';
import { bucketStart } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import type { ReadResult, DropReason, ReadRequest } from '../provider.ts';
import type { Usage, UsageRow } from './schema.ts';

/** The part of a request that assigns rows to buckets. */
export type TimeSlice = Pick<ReadRequest, 'window' | 'bucket' | 'zone'>;

/** Converts rows to one record per bucket and model. `requested` is the model of the request, if it named one. */
export function recordsOfRows(
  rows: Usage['rows'],
  timeSlice: TimeSlice,
  tags: Tags,
  requested: string | undefined,
): ReadResult {
  const dropped: Partial<Record<DropReason, number>> = {};
  const records: UsageRecord[] = [];
  for (const row of rows) {
    const reason = dropReason(row, timeSlice.window, requested);
    if (reason) dropped[reason] = (dropped[reason] ?? 0) + 1;
    // An inclusive server adds rows at the end. They are read with the next window, so they are not discarded.
    if (!row || reason || row.time === timeSlice.window.end) continue;
    const model = row.model ?? requested;
    records.push({
      time: bucketStart(row.time, timeSlice.bucket, timeSlice.zone),
      tags: model === undefined ? tags : { ...tags, model },
      fields: { [row.field]: row.count },
    });
  }
  return { records: sumRecords(records), dropped };
}

function dropReason(
  row: UsageRow | undefined,
  window: Window,
  requested: string | undefined,
): DropReason | undefined {
  if (!row) return 'unknown_type';
  if (row.time < window.start || row.time > window.end) return 'outside_window';
  // A server that ignores `Model` returns all models every time: each is taken from its own request.
  if (requested !== undefined && row.model !== undefined && !sameModel(row.model, requested))
    return 'other_model';
  return undefined;
}

/** The vendor's APIs and console differ in the case of model names. */
function sameModel(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

export function isZero(totals: Fields): boolean {
  return Object.values(totals).every((count) => BigInt(count) === 0n);
}

export function sumFields(all: readonly Fields[]): Fields {
  return all.reduce(addFields, {});
}
