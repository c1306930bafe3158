import type { Severity } from '../usage/catalogue.ts';
import { type Baseline, WINDOWS } from './baseline.ts';
import type { HourTable } from './calendar.ts';
import type { SpikeRule } from './rules.ts';

/** Floors of longer windows, as multiples of the hour's. */
const FLOOR_OF = [1, 1.5, 5] as const;
/** Ratios of longer windows, as shares of the hour's: sums scatter less. */
const RATIO_OF = [1, 0.9, 0.75] as const;
/** Standard deviations of longer windows, as multiples of the hour's: neighbouring sums share hours, and days differ. */
const Z_OF = [1, 1.1, 1.2] as const;

/** An hour that exceeds the usual by this multiple of the peaks of the series is judged with fewer standard deviations. */
const RECORD_PEAKS = 1.75;
const RECORD_Z = 0.75;
/** Multiple of what one in twenty comparable hours had. */
const SEEN_RATIO = 2;
/** Least sum, as a share of the peaks of the series: at a time with usual usage, without, and where there never was any. */
const PEAK_SHARE = 0.5;
const QUIET_PEAK_SHARE = 1;
const NEVER_PEAK_SHARE = 0.6;
/** Comparable hours without any usage from which on it is known that there never is. */
const NEVER_HOURS = 20;
/** Hours with usage in 28 days, below which the largest of them says little about the next one. */
const SPARSE_HOURS = 30;
const SPARSE_MARGIN = 4;
/** And below which the peaks of the account's other keys, users or endpoints say more. */
const FEW_HOURS = 10;
/** A load that had at least this share of the limit at this time in two of four weeks, or last month, is a schedule. */
const SCHEDULED_SHARE = 0.6;
const SCHEDULED_RATIO = 1.6;

/** A page is this far over its limit, and above the usual by this multiple of the peaks of the series. */
const PAGE_OVER_LIMIT = 1.2;
const PAGE_PEAKS = 1.75;

export interface Spike {
  readonly severity: Severity;
  /** Hours. */
  readonly window: number;
  readonly value: number;
  readonly expected: number;
  readonly limit: number;
}

export interface SpikeInput {
  readonly baseline: Baseline;
  readonly index: number;
  /** Of the hour: part of it while it is open, which proves as much as all of it. */
  readonly value: number;
  readonly rule: SpikeRule;
  /** Tokens above the usual in an hour. */
  readonly floor: number;
  /** Peaks of a typical series of the same kind, by window. */
  readonly peersPeaks: Float64Array;
}

/** Whether an hour is a spike, from the sums of one, three and 24 hours that end with it. */
export function judgeSpike(input: SpikeInput): Spike | undefined {
  const { baseline, index, value, floor } = input;
  const usual = baseline.expected[index]!;
  // It must be about this hour, whatever the hours before it were.
  if (!(value - usual >= Math.max(floor / 2, usual / 2))) return undefined;
  for (let w = 0; w < WINDOWS.length; w++) {
    const spike = judgeWindow(input, w);
    if (spike) return spike;
  }
  return undefined;
}

function judgeWindow(input: SpikeInput, w: number): Spike | undefined {
  const { baseline, index, value, rule, floor } = input;
  const { values, expected } = baseline;
  const window = WINDOWS[w]!;
  const usualHour = expected[index]!;
  let sum = value;
  let usual = usualHour;
  for (let at = index - 1; at > index - window; at--) {
    sum += at >= 0 ? values[at]! : Number.NaN;
    usual += expected[at] ?? 0;
  }
  // A window with an hour that was not read is not judged.
  if (Number.isNaN(sum)) return undefined;
  // After a spike longer sums remain large: this hour must have its share of what is too much.
  if (value - usualHour < (sum - usual) / window) return undefined;
  const least = Math.max(rule.ratio * RATIO_OF[w]! * usual, usual + floor * FLOOR_OF[w]!);
  if (sum < least) return undefined;
  let limit = Math.max(least, limitOf(input, w, usual));
  if (sum < limit) return undefined;
  limit = Math.max(limit, SCHEDULED_RATIO * scheduledLoad(baseline, index, window, SCHEDULED_SHARE * limit));
  if (sum < limit) return undefined;
  const page =
    sum >= PAGE_OVER_LIMIT * limit &&
    sum >= rule.page_ratio * usual &&
    sum - usual >= PAGE_PEAKS * baseline.p95[w]!;
  return { severity: page ? 'page' : 'notice', window, value: sum, expected: usual, limit };
}

function limitOf({ baseline, rule, peersPeaks }: SpikeInput, w: number, usual: number): number {
  const { noise, active, seen } = baseline;
  const peak = baseline.p95[w]!;
  const byScatter = (z: number): number =>
    (usual + noise) * Math.exp(baseline.bias[w]! + z * baseline.scatter[w]!) - noise;
  let limit = byScatter(rule.z * Z_OF[w]!);
  if (w === 0) {
    const record = usual + RECORD_PEAKS * peak * baseline.level;
    limit = Math.min(limit, Math.max(record, byScatter(rule.z * RECORD_Z)));
    limit = Math.max(limit, SEEN_RATIO * seen);
  }
  const never = seen === 0 && baseline.references >= NEVER_HOURS;
  const quiet = never ? NEVER_PEAK_SHARE : QUIET_PEAK_SHARE;
  limit = Math.max(limit, (usual < noise * WINDOWS[w]! ? quiet : PEAK_SHARE) * peak);
  if (active < SPARSE_HOURS) {
    const margin = 1 + SPARSE_MARGIN / Math.sqrt(active + 1);
    limit = Math.max(limit, margin * baseline.p99[w]!, active < FEW_HOURS ? peersPeaks[w]! : 0);
  }
  return limit;
}

/** What a schedule brings at this time: the median of two to four weeks, or that of last month; 0 without one. */
function scheduledLoad(baseline: Baseline, index: number, window: number, least: number): number {
  const { hours } = baseline;
  const today = hours.day[index]!;
  const on = (day: number): number =>
    day < 0 ? 0 : largestAround(baseline, hours.dayStart[day]! + hours.hour[index]!, window);
  const weekly = [7, 14, 21, 28].map((days) => on(today - days)).filter((sum) => sum >= least);
  if (weekly.length >= 2) return weekly.toSorted((a, b) => a - b)[weekly.length >> 1]!;
  return Math.max(
    0,
    ...sameDayOfLastMonth(hours, today)
      .map(on)
      .filter((sum) => sum >= least),
  );
}

/** The largest sum of a window that ends at an hour, the one before it or the one after. */
function largestAround({ values }: Baseline, index: number, window: number): number {
  let largest = 0;
  for (let end = index - 1; end <= index + 1; end++) {
    let sum = 0;
    // Hours that were not read count as empty.
    for (let at = Math.max(0, end - window + 1); at <= end; at++) sum += values[at] || 0;
    if (sum > largest) largest = sum;
  }
  return largest;
}

/** The days of last month that are as far from its start, or from its end, as today is in this one. */
function sameDayOfLastMonth({ dates }: HourTable, today: number): number[] {
  const [year, month, date] = dates[today]!.split('-').map(Number) as [number, number, number];
  const daysIn = (of: number): number => new Date(Date.UTC(year, of, 0)).getUTCDate();
  const fromStart = today - daysIn(month - 1);
  const fromEnd = today - daysIn(month);
  return date <= daysIn(month - 1) ? [fromStart, fromEnd] : [fromEnd];
}
