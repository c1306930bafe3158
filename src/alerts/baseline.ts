import type { HourTable } from './calendar.ts';
import { median, quantile } from './statistics.ts';

/** What is usual for one series: docs/alert-detector.md explains it. */

/** Days of which the usual is made. */
export const BASELINE_DAYS = 28;
/** What a verdict depends on, at most: the baseline, and the residuals of its last day. */
export const HISTORY_DAYS = 35;
/** Windows that are judged, in hours: a burst, a session, a day. */
export const WINDOWS = [1, 3, 24] as const;
/** Tokens that are added before a ratio is taken: an hour of a few thousand tokens is the same as none. */
const NOISE_TOKENS = 20_000;

/** A level is taken from that many hours with usage: new use is usual after half of them, two days of an office. */
const LEVEL_HOURS = 30;
const LEVEL_DAYS = 10;
const LEVEL_LEAST = 12;
const LEVEL_MOST = 10;
/** Residuals below which a scatter is not known. */
const RESIDUALS_LEAST = 24;
/** Of logarithms, for windows of 1, 3 and 24 hours. No series is steadier than the lower one is; a wild one is not left unjudged. */
const SCATTER_LEAST = [0.3, 0.25, 0.2] as const;
const SCATTER_MOST = 0.7;

export interface Baseline {
  readonly values: Float64Array;
  readonly hours: HourTable;
  /** Usual value of each hour by its place in the week, before the level. */
  readonly usual: Float32Array;
  /** The same with the level: what is expected. */
  readonly expected: Float32Array;
  /** Hours of incidents: no part of what is usual. */
  readonly excluded: Uint8Array;
  /** Sum of each local day. */
  readonly dayTotals: Float64Array;
  readonly noise: number;
  /** First hour with usage; Infinity before. */
  firstUse: number;
  level: number;
  /** The local day for which what follows was computed. */
  day: number;
  /** What was seen at most at this hour: the 95th percentile of the comparable ones. */
  seen: number;
  /** How many were comparable. */
  references: number;
  /** 95th and 99th percentile of the sums that end with an hour with usage, by window. */
  readonly p95: Float64Array;
  readonly p99: Float64Array;
  /** Number of hours with usage. */
  active: number;
  /** Median and upper scatter of ln(sum / expected), by window. */
  readonly bias: Float64Array;
  readonly scatter: Float64Array;
}

export function createBaseline(values: Float64Array, hours: HourTable): Baseline {
  return {
    values,
    hours,
    usual: new Float32Array(values.length),
    expected: new Float32Array(values.length),
    excluded: new Uint8Array(values.length),
    dayTotals: new Float64Array(hours.dates.length),
    noise: NOISE_TOKENS,
    firstUse: Infinity,
    level: 1,
    day: -1,
    seen: 0,
    references: 0,
    p95: new Float64Array(WINDOWS.length),
    p99: new Float64Array(WINDOWS.length),
    active: 0,
    bias: new Float64Array(WINDOWS.length),
    scatter: new Float64Array(WINDOWS.length),
  };
}

/** Hours that are comparable with one hour, the same for all series. */
export interface Comparable {
  index: number;
  /** The same hour on days of the same class. */
  readonly same: Int32Array;
  sameLength: number;
  /** And the hours before and after it. */
  readonly near: Int32Array;
  nearLength: number;
}

export function createComparable(): Comparable {
  return {
    index: -1,
    same: new Int32Array(BASELINE_DAYS),
    sameLength: 0,
    near: new Int32Array(2 * BASELINE_DAYS),
    nearLength: 0,
  };
}

export function compareWith(comparable: Comparable, hours: HourTable, index: number): void {
  comparable.index = index;
  comparable.sameLength = 0;
  comparable.nearLength = 0;
  const today = hours.day[index]!;
  const hour = hours.hour[index]!;
  for (let day = Math.max(0, today - BASELINE_DAYS); day < today; day++) {
    if (hours.rest[day] !== hours.rest[today]) continue;
    const at = hours.dayStart[day]! + hour;
    if (at >= 0) comparable.same[comparable.sameLength++] = at;
    if (at >= 1) comparable.near[comparable.nearLength++] = at - 1;
    if (at >= -1 && at + 1 < index) comparable.near[comparable.nearLength++] = at + 1;
  }
}

const scratch = new Float64Array(BASELINE_DAYS * 24 + 24);
const sums = new Float64Array(BASELINE_DAYS * 24 + 24);
const ratios = new Float64Array(BASELINE_DAYS * 24 + 24);

/** Computes what is expected of an hour from the hours before it. Hours are taken in order. */
export function expectHour(baseline: Baseline, comparable: Comparable): number {
  const { index } = comparable;
  const { hours, usual, expected } = baseline;
  if (baseline.firstUse > index) return 0;
  const day = hours.day[index]!;
  if (baseline.day !== day) refreshDay(baseline, index, day);
  const length = gather(baseline, comparable.same, comparable.sameLength, 0);
  const all = gather(baseline, comparable.near, comparable.nearLength, length);
  // Twenty working days are enough for a median; with the neighbours there are three times as many. The larger one
  // counts: a batch of one hour is between two empty ones.
  const same = length >= 6 ? median(scratch, length) : 0;
  const near = all >= 6 ? median(scratch, all) : 0;
  usual[index] = Math.max(same, near);
  baseline.seen = all >= 6 ? quantile(scratch, all, 0.95) : 0;
  baseline.references = all;
  baseline.level = levelAt(baseline, index);
  expected[index] = usual[index] * baseline.level;
  return expected[index];
}

/** Enters a closed hour. */
export function closeHour(baseline: Baseline, index: number): void {
  const value = baseline.values[index]!;
  if (!(value > 0)) return;
  if (baseline.firstUse > index) baseline.firstUse = index;
  baseline.dayTotals[baseline.hours.day[index]!]! += value;
}

function gather(baseline: Baseline, indexes: Int32Array, count: number, from: number): number {
  const { values, excluded, dayTotals, hours } = baseline;
  let length = from;
  for (let i = 0; i < count; i++) {
    const at = indexes[i]!;
    const value = values[at]!;
    // A day without any usage says that nobody was there, not what is usual for those who are.
    if (Number.isNaN(value) || excluded[at] === 1 || dayTotals[hours.day[at]!] === 0) continue;
    scratch[length++] = value;
  }
  return length;
}

/** How far the last hours are above what is usual. Only upwards: after a quiet week the usual is the usual. */
function levelAt(baseline: Baseline, index: number): number {
  const { values, usual, dayTotals, hours, noise } = baseline;
  let length = 0;
  const oldest = Math.max(baseline.firstUse, index - LEVEL_DAYS * 24);
  for (let at = index - 1; at >= oldest && length < LEVEL_HOURS; at--) {
    const value = values[at]!;
    const usualThen = usual[at]!;
    if (usualThen === 0 || Number.isNaN(value) || dayTotals[hours.day[at]!] === 0) continue;
    scratch[length++] = (value + noise) / (usualThen + noise);
  }
  if (length < LEVEL_LEAST) return 1;
  return Math.min(LEVEL_MOST, Math.max(1, median(scratch, length)));
}

/** What is computed once a day. */
function refreshDay(baseline: Baseline, index: number, day: number): void {
  baseline.day = day;
  const from = Math.max(0, baseline.firstUse, index - BASELINE_DAYS * 24);
  WINDOWS.forEach((window, w) => refreshResiduals(baseline, from, index, window, w));
}

function refreshResiduals(baseline: Baseline, from: number, to: number, window: number, w: number): void {
  const { values, expected, excluded, noise } = baseline;
  let sum = 0;
  let usual = 0;
  let unusable = 0;
  let length = 0;
  let active = 0;
  for (let at = from; at < to; at++) {
    const leaving = at - window;
    const bad = Number.isNaN(values[at]!) || excluded[at] === 1;
    if (bad) unusable++;
    else {
      sum += values[at]!;
      usual += expected[at]!;
    }
    if (leaving >= from) {
      if (Number.isNaN(values[leaving]!) || excluded[leaving] === 1) unusable--;
      else {
        sum -= values[leaving]!;
        usual -= expected[leaving]!;
      }
    }
    if (unusable > 0) continue;
    if (values[at]! > 0) sums[active++] = sum;
    if (at - from + 1 < window || usual < noise) continue;
    ratios[length++] = (sum + noise) / (usual + noise);
  }
  if (w === 0) baseline.active = active;
  baseline.p95[w] = active > 0 ? quantile(sums, active, 0.95) : 0;
  baseline.p99[w] = active > 0 ? quantile(sums, active, 0.99, 0.95) : 0;
  if (length < RESIDUALS_LEAST) {
    baseline.bias[w] = 0;
    baseline.scatter[w] = SCATTER_MOST;
    return;
  }
  // Logarithms keep the order: two are enough.
  const middle = Math.log(median(ratios, length));
  // The upper side only: hours off are no reason to expect more.
  const upper = (Math.log(quantile(ratios, length, 0.85, 0.5)) - middle) / 1.036;
  baseline.bias[w] = Math.max(0, middle);
  baseline.scatter[w] = Math.min(SCATTER_MOST, Math.max(SCATTER_LEAST[w]!, upper));
}
