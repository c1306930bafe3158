import type { HourlySeries, Scope } from '../../src/alerts/types.ts';
import { seededBy } from '../../src/simulator/random.ts';
import type { Tags } from '../../src/usage/point.ts';
import { HOUR } from '../../src/windows/units.ts';

/** Monday 2026-05-11, midnight in Shanghai. */
export const START = Date.UTC(2026, 4, 10, 16) / 1000;
export const WEEKS = 6;
const LENGTH = WEEKS * 7 * 24;

/** The hour of a day, counted from the start. */
export function at(day: number, hour: number): number {
  return day * 24 + hour;
}

export function timeAt(day: number, hour: number): number {
  return START + at(day, hour) * HOUR;
}

export type Shape = (day: number, hour: number) => number;

/** The Dragon Boat Festival, a Friday. */
export const HOLIDAY = 39;

/** From 9 to 18 on working days. */
export const office: Shape = (day, hour) =>
  day % 7 < 5 && day !== HOLIDAY && hour >= 9 && hour < 18 ? 300_000 : 0;
export const service: Shape = () => 400_000;

/** Tokens with some scatter, the same for the same name. */
export function tokensOf(name: string, shape: Shape, scatter = 0.2): Float64Array {
  const random = seededBy(1, name);
  return Float64Array.from({ length: LENGTH }, (_, i) =>
    Math.round(
      shape(Math.floor(i / 24), i % 24) * Math.exp(scatter * (random() + random() + random() - 1.5) * 2),
    ),
  );
}

export function seriesOf(scope: Scope, name: string, tokens: Float64Array, tags: Tags = {}): HourlySeries {
  const named = scope === 'account' ? {} : { [scope]: name };
  return { scope, tags: { provider: 'sigcal', account: 'main', ...named, ...tags }, start: START, tokens };
}

/** The account of some series. */
export function accountOf(...parts: readonly HourlySeries[]): HourlySeries {
  const tokens = new Float64Array(LENGTH);
  for (const part of parts) part.tokens.forEach((value, i) => (tokens[i]! += value));
  return seriesOf('account', 'main', tokens);
}

/** Adds tokens to a run of hours. */
export function add(tokens: Float64Array, from: number, hours: number, extra: number): Float64Array {
  for (let i = from; i < from + hours; i++) tokens[i]! += extra;
  return tokens;
}
