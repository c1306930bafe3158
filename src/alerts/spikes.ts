import { type Baseline, WINDOWS } from './baseline.ts';
import type { SpikeRule } from './rules.ts';
import type { Severity } from './types.ts';

/** Floors of longer windows, as multiples of the hour's. */
const FLOOR_OF = [1, 1.5, 5] as const;
/** Ratios of longer windows, as shares of the hour's: sums scatter less. */
const RATIO_OF = [1, 0.9, 0.75] as const;
/** An hour this far above the peaks of the series needs less scatter to be unusual. */
const RECORD_SHARE = 1.75;
const RECORD_Z = 0.75;
/** At an hour without usual usage: a share of the peaks of the series. */
const QUIET_SHARE = 0.5;
/** A recurring load: seen at this time in two of the last four weeks. */
const RECURRENCE_RATIO = 2;
/** Share of hours with usage below which there is no rhythm to compare with. */
const SPARSE = 0.03;

export interface Spike {
  readonly severity: Severity;
  /** Hours. */
  readonly window: number;
  readonly value: number;
  readonly expected: number;
  readonly limit: number;
}

/**
 * Whether an hour is a spike, from the sums of one, three and 24 hours that end with it.
 *
 * @param value of the hour: part of it while it is open, which proves as much as all of it
 */
export function judgeSpike(
  baseline: Baseline,
  index: number,
  value: number,
  rule: SpikeRule,
  floor: number,
): Spike | undefined {
  const expected = baseline.expected[index]!;
  // It must be about this hour, whatever the hours before were.
  if (!(value - expected >= Math.max(floor / 2, expected / 2))) return undefined;
  let found: Spike | undefined;
  let agreeing = 0;
  for (let w = 0; w < WINDOWS.length; w++) {
    const spike = judgeWindow(baseline, index, value, rule, floor, w);
    if (!spike) continue;
    agreeing++;
    found ??= spike;
  }
  if (!found) return undefined;
  const page = agreeing >= 2 || found.value >= rule.page_ratio * found.expected;
  return page ? { ...found, severity: 'page' } : found;
}

function judgeWindow(
  baseline: Baseline,
  index: number,
  value: number,
  rule: SpikeRule,
  floor: number,
  w: number,
): Spike | undefined {
  const { values, expected, noise } = baseline;
  const window = WINDOWS[w]!;
  let sum = value;
  let usual = expected[index]!;
  for (let at = index - 1; at > index - window; at--) {
    sum += at >= 0 ? values[at]! : Number.NaN;
    usual += expected[at] ?? 0;
  }
  // A window with an hour that was not read is not judged.
  if (Number.isNaN(sum)) return undefined;
  const least = Math.max(rule.ratio * RATIO_OF[w]! * usual, usual + floor * FLOOR_OF[w]!);
  if (sum < least) return undefined;
  const z = (usual + noise) * Math.exp(baseline.bias[w]! + rule.z * baseline.scatter[w]!) - noise;
  let limit = Math.max(least, z);
  if (w === 0) {
    const record = usual + RECORD_SHARE * baseline.p95 * baseline.level;
    const low =
      (usual + noise) * Math.exp(baseline.bias[w]! + RECORD_Z * rule.z * baseline.scatter[w]!) - noise;
    limit = Math.min(limit, Math.max(least, record, low));
    limit = Math.max(limit, QUIET_SHARE * baseline.p95);
    if (baseline.activity < SPARSE) limit = Math.max(limit, 2 * baseline.p99);
  }
  if (sum < limit) return undefined;
  const recurring = recurringLoad(baseline, index, window, Math.max(1.8 * usual, (floor * FLOOR_OF[w]!) / 2));
  limit = Math.max(limit, RECURRENCE_RATIO * recurring);
  if (sum < limit) return undefined;
  return { severity: 'notice', window, value: sum, expected: usual, limit };
}

/** The median of what exceeded `above` around this hour in at least two of the last four weeks, or last month; else 0. */
function recurringLoad(baseline: Baseline, index: number, window: number, above: number): number {
  const { hours } = baseline;
  const today = hours.day[index]!;
  const hour = hours.hour[index]!;
  const seen: number[] = [];
  for (let week = 1; week <= 4; week++) {
    const day = today - 7 * week;
    if (day < 0) break;
    const most = largestAround(baseline, hours.dayStart[day]! + hour, window);
    if (most > above) seen.push(most);
  }
  if (seen.length >= 2) {
    seen.sort((a, b) => a - b);
    return seen[seen.length >> 1]!;
  }
  const monthly = sameDayOfLastMonth(hours.dates, today).map((day) =>
    largestAround(baseline, hours.dayStart[day]! + hour, window),
  );
  return Math.max(0, ...monthly.filter((most) => most > above));
}

function largestAround({ values }: Baseline, index: number, window: number): number {
  let largest = 0;
  for (let end = index - 1; end <= index + 1; end++) {
    let sum = 0;
    for (let at = Math.max(0, end - window + 1); at <= end; at++) sum += values[at] || 0;
    if (sum > largest) largest = sum;
  }
  return largest;
}

/** Days of the last month with the same distance from its start or its end. */
function sameDayOfLastMonth(dates: readonly string[], today: number): number[] {
  const date = new Date(`${dates[today]}T00:00:00Z`);
  const dayOfMonth = date.getUTCDate();
  const lengthOf = (back: number): number =>
    new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1 - back, 0)).getUTCDate();
  const sameStart = today - lengthOf(1);
  const sameEnd = today - lengthOf(0);
  return [...new Set([dayOfMonth <= lengthOf(1) ? sameStart : sameEnd, sameEnd])].filter((day) => day >= 0);
}
