import type { Severity } from '../usage/catalogue.ts';
import { HOUR } from '../windows/units.ts';
import { BASELINE_DAYS } from './baseline.ts';
import type { HourTable } from './calendar.ts';
import type { Finding, Subject } from './judge.ts';
import type { RuleName, Rules } from './rules.ts';
import { median, quantile } from './statistics.ts';
import { amount, nameOf, period } from './text.ts';

/** The rules on usage that are not spikes. Each looks at one closed hour of one series. */

export interface RuleInput {
  readonly subject: Subject;
  readonly index: number;
  readonly hours: HourTable;
  readonly rules: Rules;
  /** Floor of the account, in tokens of an hour. */
  readonly floor: number;
}

type UsageRule = (input: RuleInput) => Finding | undefined;

const DAY = 24;
const WEEK = 7 * DAY;
/** The hour at which the day before is judged: late data of its last hours has arrived. */
const DAY_JUDGED_AT = 2;
const SAME_WEEKDAYS = 4;
const SHARE_HOURS = 6;
const OUTPUT_HOURS = 3;
const SHARE_DAYS = 14;
/** Windows that a median or percentile of shares needs. */
const SHARES_LEAST = 24;
/** A cache that is used so little may stop to be used. */
const CACHE_SHARE_LEAST = 0.1;
/** And as a share of the lowest of two weeks. */
const CACHE_LOWEST = 0.8;
/** Days without any night or rest-day usage after which there is none. */
const NEVER_NIGHTS = 20;
const NEVER_REST_DAYS = 6;

/** By scope. */
export const USAGE_RULES: Readonly<Record<'leaf' | 'model' | 'account', readonly UsageRule[]>> = {
  leaf: [ceiling, newKey, night, outputRatio, dominance],
  model: [newModel, cacheShare],
  account: [dayAgainstWeekdays, budget],
};

function ceiling({ subject, index, rules, hours }: RuleInput): Finding | undefined {
  const limit = rules.ceiling.tokens_per_hour;
  const value = subject.baseline.values[index]!;
  if (limit === 0 || !(value > limit)) return undefined;
  return finding(subject, index, hours, {
    rule: 'ceiling',
    severity: 'page',
    value,
    expected: subject.baseline.expected[index]!,
    limit,
    text: `${amount(value)} tokens ${period(hours, index, 1)}; the ceiling is ${amount(limit)} an hour`,
  });
}

function newKey({ subject, index, rules, hours }: RuleInput): Finding | undefined {
  const { age_days: days, tokens_per_hour: floor } = rules.new_key;
  const value = subject.baseline.values[index]!;
  if (!(value > floor) || !isNew(subject, index, days * DAY)) return undefined;
  const peaks = Float64Array.from(
    subject.account.subjects.filter(
      (peer) => peer !== subject && peer.series.scope === subject.series.scope && peer.baseline.active > 0,
    ),
    ({ baseline }) => baseline.p99[0]!,
  );
  const limit = Math.max(floor, peaks.length > 0 ? quantile(peaks, peaks.length, 0.9) : 0);
  if (value <= limit) return undefined;
  return finding(subject, index, hours, {
    rule: 'new_key',
    severity: 'page',
    value,
    expected: 0,
    limit,
    text: `new, ${amount(value)} tokens ${period(hours, index, 1)}; nine in ten others have peaks below ${amount(limit)}`,
  });
}

/** Fires in the hour in which the tokens since the first use pass the limit. */
function newModel({ subject, index, rules, hours }: RuleInput): Finding | undefined {
  const limit = rules.new_model.tokens_per_day;
  if (!isNew(subject, index, DAY)) return undefined;
  const { values, firstUse } = subject.baseline;
  const before = sumOf(values, Math.min(firstUse, index), index, 0);
  const value = before + (values[index]! || 0);
  if (before > limit || value <= limit) return undefined;
  return finding(subject, index, hours, {
    rule: 'new_model',
    severity: 'notice',
    value,
    expected: 0,
    limit,
    text: `new, ${amount(value)} tokens within its first day; limit ${amount(limit)}`,
  });
}

function night({ subject, index, rules, hours, floor }: RuleInput): Finding | undefined {
  const { baseline } = subject;
  const { until_hour: until, tokens_per_hour: tokens } = rules.night;
  const value = baseline.values[index]!;
  const isNight = hours.hour[index]! < until;
  const day = hours.day[index]!;
  const isRest = hours.rest[day] === 1;
  if (!isNight && !isRest) return undefined;
  const limit = Math.max(tokens, floor, baseline.p95[0]!);
  if (!(value > limit)) return undefined;
  const quiet = isNight
    ? quietDays(subject, index, hours, (at) => hours.hour[at]! < until, NEVER_NIGHTS)
    : quietDays(subject, index, hours, (at) => hours.rest[hours.day[at]!] === 1, NEVER_REST_DAYS);
  if (!quiet) return undefined;
  return finding(subject, index, hours, {
    rule: 'night',
    severity: 'page',
    value,
    expected: 0,
    limit,
    text: `${amount(value)} tokens ${period(hours, index, 1)}; no use ${isNight ? 'at night' : 'on rest days'} in ${BASELINE_DAYS} days; limit ${amount(limit)}`,
  });
}

/** Whether hours of a kind had no usage on at least that many days, before today. */
function quietDays(
  { baseline: { values, excluded, firstUse } }: Subject,
  index: number,
  hours: HourTable,
  isKind: (at: number) => boolean,
  least: number,
): boolean {
  const today = Math.max(0, hours.dayStart[hours.day[index]!]!);
  const days = new Set<number>();
  for (let at = Math.max(firstUse, today - BASELINE_DAYS * DAY); at < today; at++) {
    if (!isKind(at) || Number.isNaN(values[at]!)) continue;
    if (values[at]! > 0 && excluded[at] === 0) return false;
    days.add(hours.day[at]!);
  }
  return days.size >= least;
}

function dayAgainstWeekdays({ subject, index, rules, hours }: RuleInput): Finding | undefined {
  if (hours.hour[index] !== DAY_JUDGED_AT) return undefined;
  const day = hours.day[index]! - 1;
  const usual = usualOfDay(subject, day, hours);
  if (usual === undefined || !isRead(subject, day, hours)) return undefined;
  const value = subject.baseline.dayTotals[day]!;
  const limit = Math.max(rules.day.ratio * usual, usual + rules.day.extra_tokens);
  if (value <= limit) return undefined;
  const explaining = subject.children.filter(({ baseline }) => {
    const from = Math.max(0, hours.dayStart[day]!);
    return baseline.excluded.subarray(from, from + DAY).includes(1);
  });
  const explained = explaining.reduce(
    (sum, child) => sum + child.baseline.dayTotals[day]! - (usualOfDay(child, day, hours) ?? 0),
    0,
  );
  return finding(
    subject,
    index,
    hours,
    {
      rule: 'day',
      severity: 'notice',
      value,
      expected: usual,
      limit,
      text: `${amount(value)} tokens on ${hours.dates[day]}, usual ${amount(usual)} on this weekday; limit ${amount(limit)}`,
    },
    explained >= 0.8 * (value - usual) ? explaining : [],
  );
}

/** The median of the last same weekdays, unless they were of another class: a holiday says nothing of a working day. */
function usualOfDay(subject: Subject, day: number, hours: HourTable): number | undefined {
  const totals: number[] = [];
  for (let week = 1; week <= SAME_WEEKDAYS; week++) {
    const at = day - 7 * week;
    if (at < 1 || hours.rest[at] !== hours.rest[day] || !isRead(subject, at, hours)) continue;
    totals.push(subject.baseline.dayTotals[at]!);
  }
  return totals.length >= SAME_WEEKDAYS - 1 ? median(Float64Array.from(totals), totals.length) : undefined;
}

function isRead({ baseline: { values } }: Subject, day: number, hours: HourTable): boolean {
  const from = Math.max(0, hours.dayStart[day]!);
  return !values.subarray(from, hours.dayStart[day + 1]).some(Number.isNaN);
}

function budget({ subject, index, rules, hours }: RuleInput): Finding | undefined {
  const {
    tokens,
    first_day: firstDay,
    shares,
    forecast_share: forecastShare,
    forecast_from_day: fromDay,
  } = rules.budget;
  if (tokens === 0) return undefined;
  const today = hours.day[index]!;
  let first = today;
  while (first > 0 && Number(hours.dates[first]!.slice(8)) !== firstDay) first--;
  // The month began before what is known.
  if (Number(hours.dates[first]!.slice(8)) !== firstDay || hours.dayStart[first]! < 0) return undefined;
  const { dayTotals, values } = subject.baseline;
  const before = sumOf(dayTotals, first, today + 1, 0);
  const value = before + (values[index]! || 0);
  const passed = shares.findLast((share) => before < share * tokens && value >= share * tokens);
  const month = `tokens since ${hours.dates[first]} of a budget of ${amount(tokens)}`;
  if (passed !== undefined)
    return finding(subject, index, hours, {
      rule: 'budget',
      severity: passed >= 1 ? 'page' : 'notice',
      value,
      expected: tokens,
      limit: passed * tokens,
      text: `${amount(value)} ${month}: ${Math.round((100 * value) / tokens)} %`,
    });
  const elapsed = today - first;
  if (hours.hour[index] !== DAY_JUDGED_AT || elapsed < fromDay) return undefined;
  const length = daysOfMonth(hours.dates[first]!);
  const forecast = (days: number): number => (sumOf(dayTotals, first, first + days, 0) / days) * length;
  const limit = forecastShare * tokens;
  if (forecast(elapsed) <= limit || (elapsed > fromDay && forecast(elapsed - 1) > limit)) return undefined;
  return finding(subject, index, hours, {
    rule: 'budget',
    severity: 'notice',
    value: forecast(elapsed),
    expected: tokens,
    limit,
    text: `${amount(value)} ${month}; ${amount(forecast(elapsed))} at this pace`,
  });
}

function daysOfMonth(firstDate: string): number {
  const [year, month, day] = firstDate.split('-').map(Number) as [number, number, number];
  return (Date.UTC(year, month, day) - Date.UTC(year, month - 1, day)) / (DAY * HOUR * 1000);
}

function cacheShare({ subject, index, rules, hours }: RuleInput): Finding | undefined {
  const { input, cached } = subject.series;
  if (!input || !cached) return undefined;
  const { ratio, floor_input: floor } = rules.cache_share;
  const sum = sumOf(input, index - SHARE_HOURS + 1, index + 1);
  if (!(sum > floor)) return undefined;
  const value = sumOf(cached, index - SHARE_HOURS + 1, index + 1) / sum;
  if (Number.isNaN(value)) return undefined;
  const share = (of: number): number | undefined =>
    shares(cached, input, index, SHARE_HOURS, (whole) => whole > floor / 4, of);
  const usual = share(0.5);
  if (usual === undefined || usual < CACHE_SHARE_LEAST) return undefined;
  // Callers that use a model at other hours cache otherwise: lower than at any time of the day.
  const limit = Math.min(ratio * usual, CACHE_LOWEST * share(0)!);
  if (value >= limit) return undefined;
  return finding(subject, index, hours, {
    rule: 'cache_share',
    severity: 'notice',
    value: 100 * value,
    expected: 100 * usual,
    limit: 100 * limit,
    text: `${percent(value)} of ${amount(sum)} input tokens from the cache ${period(hours, index, SHARE_HOURS)}, usual ${percent(usual)}; limit ${percent(limit)}`,
  });
}

function outputRatio({ subject, index, rules, hours }: RuleInput): Finding | undefined {
  const { input, output } = subject.series;
  if (!input || !output) return undefined;
  const { ratio, floor_output: floor } = rules.output_ratio;
  const sum = sumOf(output, index - OUTPUT_HOURS + 1, index + 1);
  if (!(sum > floor)) return undefined;
  const value = sum / Math.max(1, sumOf(input, index - OUTPUT_HOURS + 1, index + 1));
  const usual = shares(output, input, index, OUTPUT_HOURS, (of) => of > 0, 0.95);
  if (usual === undefined || !(value > ratio * usual)) return undefined;
  return finding(subject, index, hours, {
    rule: 'output_ratio',
    severity: 'notice',
    value: 100 * value,
    expected: 100 * usual,
    limit: 100 * ratio * usual,
    text: `${amount(sum)} output tokens, ${percent(value)} of the input, ${period(hours, index, OUTPUT_HOURS)}, usual at most ${percent(usual)}; limit ${percent(ratio * usual)}`,
  });
}

/** A quantile of part / whole over the windows of the last two weeks, without those that hold this hour. */
function shares(
  part: Float64Array,
  whole: Float64Array,
  index: number,
  window: number,
  isEnough: (whole: number) => boolean,
  share: number,
): number | undefined {
  const found: number[] = [];
  for (let end = index - window; end > index - SHARE_DAYS * DAY && end >= window; end -= window) {
    const of = sumOf(whole, end - window + 1, end + 1);
    if (isEnough(of)) found.push(sumOf(part, end - window + 1, end + 1) / of);
  }
  const known = Float64Array.from(found.filter((value) => !Number.isNaN(value)));
  return known.length >= SHARES_LEAST ? quantile(known, known.length, share) : undefined;
}

function dominance({ subject, index, rules, hours }: RuleInput): Finding | undefined {
  const total = subject.account.total;
  const { share, share_before: shareBefore, account_tokens: least } = rules.dominance;
  // Quick: it must dominate this hour as well.
  if (!total || !(subject.baseline.values[index]! > share * total.baseline.values[index]!)) return undefined;
  const of = (from: number, to: number): [number, number] => [
    sumOf(subject.baseline.values, from, to),
    sumOf(total.baseline.values, from, to),
  ];
  const [own, all] = of(index - DAY + 1, index + 1);
  if (!(all >= least && own > share * all)) return undefined;
  const [ownBefore, allBefore] = of(index - DAY - WEEK + 1, index - DAY + 1);
  if (!(ownBefore < shareBefore * allBefore)) return undefined;
  return finding(subject, index, hours, {
    rule: 'dominance',
    severity: 'notice',
    value: own,
    expected: (ownBefore / allBefore) * all,
    limit: share * all,
    text: `${percent(own / all)} of the account's ${amount(all)} tokens in 24 hours, ${percent(ownBefore / allBefore)} in the week before; limit ${percent(share)}`,
  });
}

/** First used within that many hours, in an account that is older than a week. */
function isNew({ baseline, account }: Subject, index: number, age: number): boolean {
  const first = Math.min(baseline.firstUse, index);
  const accountFirst = account.total?.baseline.firstUse ?? 0;
  return index - first < age && first - accountFirst >= WEEK;
}

/** NaN if one of them was not read, unless they are to count as a number. */
function sumOf(values: Float64Array, from: number, to: number, unread = Number.NaN): number {
  let sum = 0;
  for (let at = from; at < to; at++) {
    const value = values[at] ?? Number.NaN;
    sum += Number.isNaN(value) ? unread : value;
  }
  return sum;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

interface Found {
  readonly rule: RuleName;
  readonly severity: Severity;
  readonly value: number;
  readonly expected: number;
  readonly limit: number;
  readonly text: string;
}

function finding(
  subject: Subject,
  index: number,
  hours: HourTable,
  found: Found,
  explainedBy: readonly Subject[] = [],
): Finding {
  return {
    subject,
    verdict: {
      ...found,
      tags: subject.series.tags,
      time: hours.start + index * HOUR,
      value: Math.round(found.value),
      expected: Math.round(found.expected),
      limit: Math.round(found.limit),
      text: `${nameOf(subject.series)}: ${found.text}`,
    },
    explainedBy,
  };
}
