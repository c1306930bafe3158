import { bucketEnd, bucketStart, wallTime } from '../windows/calendar.ts';
import type { Bucket } from '../windows/window.ts';
import { parseDuration } from './duration.ts';
import type { FieldDiagnostic } from './errors.ts';
import { parseInstant } from './instant.ts';

/** `start` and `end` as written in the file, with the context needed to resolve them. */
export interface RangeText {
  readonly start: string;
  readonly end?: string | undefined;
  readonly bucket: Bucket;
  readonly zone: string;
  /** Unix seconds. */
  readonly now: number;
}

/** Unix seconds on bucket boundaries; `ended` if a relative `start` has passed `end`. */
export interface Range {
  readonly start: number;
  readonly end?: number;
  readonly ended?: string;
}

export const EARLIEST_DATE = '2015-01-01';
/** Older than any LLM provider; before 1970 zones have offsets of odd seconds. Unix seconds. */
export const EARLIEST = Date.parse(EARLIEST_DATE) / 1000;
const RULE = 'write a date or time, such as 2026-10-01 or 2026-10-01T08:00:00+08:00';

/** The whole buckets that cover `start` to `end`, or errors. */
export function resolveRange(text: RangeText): Range | { readonly diagnostics: FieldDiagnostic[] } {
  const { bucket, zone, now } = text;
  const diagnostics: FieldDiagnostic[] = [];
  const back = parseDuration(text.start);
  const start = back === undefined ? parseInstant(text.start, zone) : now - back;
  const end = text.end === undefined ? undefined : parseInstant(text.end, zone);
  if (start === undefined) {
    diagnostics.push({
      path: ['start'],
      message: 'start: is not a time',
      hint: `${RULE}, or an age: 30d`,
    });
  } else if (start > now) {
    const hint = `it is now ${wallTime(now, zone)} in ${zone}; write an earlier time`;
    diagnostics.push({ path: ['start'], message: 'start: must not be in the future', hint });
  } else if (start < EARLIEST) {
    const hint = 'write a later time, such as 30d or 2026-10-01';
    diagnostics.push({ path: ['start'], message: `start: must not be before ${EARLIEST_DATE}`, hint });
  }
  if (text.end !== undefined && end === undefined) {
    diagnostics.push({ path: ['end'], message: 'end: is not a time', hint: RULE });
  }
  if (start !== undefined && end !== undefined && end <= start && back === undefined) {
    diagnostics.push({
      path: ['end'],
      message: 'end: must be after start',
      hint: 'swap them, or remove end',
    });
  }
  if (start === undefined || diagnostics.length > 0) return { diagnostics };
  const first = bucketStart(start, bucket, zone);
  if (end === undefined) return { start: first };
  const last = bucketStart(end, bucket, zone) === end ? end : bucketEnd(end, bucket, zone);
  return last > first
    ? { start: first, end: last }
    : { start: first, end: last, ended: wallTime(last, zone) };
}
