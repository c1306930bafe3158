import type { Bucket, Window } from './window.ts';
import { DAY, HOUR } from './units.ts';

/** Zones change their offset only on a quarter of an hour, so one look-up serves a quarter. */
const QUARTER = 900;
/** Per zone: about three years. */
const OFFSETS_KEPT = 100_000;

const SIZE: Readonly<Record<Bucket, number>> = { '1h': HOUR, '1d': DAY };

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, Map<number, number>>();

/** Seconds to add to UTC to get the zone's wall clock at `time` (Unix seconds). @throws RangeError for an unknown zone. */
export function zoneOffset(time: number, zone: string): number {
  if (zone === 'UTC') return 0;
  const quarter = Math.floor(time / QUARTER);
  let ofZone = offsets.get(zone);
  if (!ofZone) {
    ofZone = new Map();
    offsets.set(zone, ofZone);
  }
  const known = ofZone.get(quarter);
  if (known !== undefined) return known;
  if (ofZone.size >= OFFSETS_KEPT) ofZone.clear();
  const offset = wallClock(quarter * QUARTER, zone) - quarter * QUARTER;
  ofZone.set(quarter, offset);
  return offset;
}

/** The start of the bucket that holds `time`: the zone's own hour or day. Unix seconds. */
export function bucketStart(time: number, bucket: Bucket, zone: string): number {
  const size = SIZE[bucket];
  const offset = zoneOffset(time, zone);
  const wall = Math.floor((time + offset) / size) * size;
  const start = wall - offset;
  const before = zoneOffset(start, zone);
  if (before === offset) return bucket === '1d' ? firstMidnight(start, wall, zone) : start;
  // The clock changed inside this hour or day: its start is on the earlier offset, unless that wall time was skipped.
  const earlier = wall - before;
  return zoneOffset(earlier, zone) === before ? earlier : firstInstantOf(offset, start, time, zone);
}

/** The end of the bucket that holds `time`, which is the start of the next one. */
export function bucketEnd(time: number, bucket: Bucket, zone: string): number {
  const start = bucketStart(time, bucket, zone);
  let probe = start + SIZE[bucket];
  while (bucketStart(probe, bucket, zone) <= start) probe += HOUR / 2;
  return bucketStart(probe, bucket, zone);
}

/** How many whole buckets a window holds, without listing them. */
export function countBuckets({ start, end }: Window, bucket: Bucket, zone: string): number {
  const first = bucketEnd(start - 1, bucket, zone);
  const last = bucketStart(end, bucket, zone);
  if (last <= first) return 0;
  const [before, after] = [zoneOffset(first, zone), zoneOffset(last, zone)];
  if (bucket === '1d') return Math.floor((last + after) / DAY) - Math.floor((first + before) / DAY);
  // Where summer time is half an hour, a bucket is not always an hour.
  if ((after - before) % HOUR !== 0) return bucketsOf({ start: first, end: last }, bucket, zone).length;
  return (last - first) / HOUR;
}

/** The buckets that begin in a window, in order, each as a window of its own. */
export function bucketsOf(window: Window, bucket: Bucket, zone: string): Window[] {
  const buckets: Window[] = [];
  let start = bucketStart(window.start, bucket, zone);
  while (start < window.end) {
    const end = bucketEnd(start, bucket, zone);
    if (start >= window.start) buckets.push({ start, end });
    start = end;
  }
  return buckets;
}

/**
 * Cuts a window at day boundaries of the zone into pieces of at most `days` days of 24 hours, as providers count
 * them. A single day is never cut, even if it has 25 hours.
 */
export function splitByDays(window: Window, days: number, zone: string): Window[] {
  const pieces: Window[] = [];
  let start = window.start;
  while (start < window.end) {
    let end = bucketEnd(start, '1d', zone);
    while (end < window.end) {
      const next = bucketEnd(end, '1d', zone);
      if (next - start > days * DAY) break;
      end = next;
    }
    pieces.push({ start, end: Math.min(end, window.end) });
    start = end;
  }
  return pieces;
}

/** Whether the runtime knows the zone. */
export function isZone(zone: string): boolean {
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}

/** `2026-10-01 08:00` in the zone, for people. */
export function wallTime(time: number, zone: string): string {
  return new Date((time + zoneOffset(time, zone)) * 1000).toISOString().slice(0, 16).replace('T', ' ');
}

/** The first of two midnights, where the clock was put back to midnight. */
function firstMidnight(midnight: number, wall: number, zone: string): number {
  const before = zoneOffset(midnight - 1, zone);
  const earlier = wall - before;
  return zoneOffset(earlier, zone) === before ? Math.min(earlier, midnight) : midnight;
}

/** The first instant after `from`, at or before `to`, at which the zone has the given offset. */
function firstInstantOf(offset: number, from: number, to: number, zone: string): number {
  for (let time = Math.ceil(from / QUARTER) * QUARTER; time < to; time += QUARTER) {
    if (zoneOffset(time, zone) === offset) return time;
  }
  return to;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  return format;
}

function wallClock(time: number, zone: string): number {
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of formatOf(zone).formatToParts(time * 1000)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
}
