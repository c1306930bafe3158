import type { HourlySeries, ReplayEntry } from '../../../src/alerts/types.ts';
import { HOUR } from '../../../src/windows/units.ts';
import type { LabelledYear } from './labelled-year.ts';

/** The limit for the hour at an index, from what lies before it; infinite if the rule cannot say. */
type Limits = (tokens: Float64Array) => Float64Array;

const FLOOR = 200_000;
const WEEK = 7 * 24;
/** An incident ends after that many hours without an alarm. */
const QUIET = 3;

/** Rules that others ship or advise, each on every key, user and endpoint. */
export const RIVALS: Readonly<Record<string, Limits>> = {
  'fixed, 500,000 an hour': (tokens) => new Float64Array(tokens.length).fill(500_000),
  '3x the same hour of last week': (tokens) =>
    tokens.map((_, i) =>
      i < WEEK || Number.isNaN(tokens[i - WEEK]!) ? Infinity : Math.max(FLOOR, 3 * tokens[i - WEEK]!),
    ),
  'mean + 3 sigma of 14 days': threeSigma,
};

export function replayRival(year: LabelledYear, rule: string): ReplayEntry[] {
  return year.series
    .slice(0, year.leaves.length)
    .flatMap((series) => incidents(series, RIVALS[rule]!(series.tokens), rule));
}

function incidents({ tokens, tags, start }: HourlySeries, limits: Float64Array, rule: string): ReplayEntry[] {
  const entries: ReplayEntry[] = [];
  let last = -Infinity;
  for (let i = 0; i < tokens.length; i++) {
    if (!(tokens[i]! > limits[i]!)) continue;
    const open = i - last <= QUIET + 1 ? entries.pop() : undefined;
    const time = start + i * HOUR;
    entries.push({
      rule,
      severity: 'page',
      tags,
      start: open?.start ?? time,
      fired_at: open?.fired_at ?? time + HOUR,
      end: time + HOUR,
      value: Math.max(open?.value ?? 0, tokens[i]!),
      expected: 0,
      limit: limits[i]!,
      text: '',
    });
    last = i;
  }
  return entries;
}

function threeSigma(tokens: Float64Array): Float64Array {
  const limits = new Float64Array(tokens.length);
  let [count, sum, squares] = [0, 0, 0];
  const add = (value: number | undefined, sign: 1 | -1): void => {
    if (value === undefined || Number.isNaN(value)) return;
    count += sign;
    sum += sign * value;
    squares += sign * value * value;
  };
  for (let i = 0; i < tokens.length; i++) {
    const mean = sum / count;
    const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean));
    limits[i] = count < WEEK ? Infinity : Math.max(FLOOR, mean + 3 * deviation);
    add(tokens[i], 1);
    add(tokens[i - 2 * WEEK], -1);
  }
  return limits;
}
