import type { Severity } from '../usage/catalogue.ts';
import type { Tags } from '../usage/point.ts';

export const SCOPES = ['account', 'team', 'model', 'user', 'key', 'endpoint'] as const;
export type Scope = (typeof SCOPES)[number];
/** Hourly sums of one series. Index i is the hour that starts at `start + i * 3600`. 0: no usage. NaN: the hour was not read. */
export interface HourlySeries {
  readonly scope: Scope;
  /** provider, account and, but for the account's total, the tag of the scope (a user also has its team if known). */
  readonly tags: Tags;
  readonly start: number;
  readonly tokens: Float64Array;
  readonly requests?: Float64Array;
  readonly input?: Float64Array;
  readonly output?: Float64Array;
  readonly cached?: Float64Array;
}
/** What one rule says of one series in one hour. */
export interface Verdict {
  readonly rule: string;
  readonly severity: Severity;
  readonly tags: Tags;
  /** Start of the judged hour, Unix seconds. */
  readonly time: number;
  readonly value: number;
  readonly expected: number;
  readonly limit: number;
  /** One line with the numbers. */
  readonly text: string;
}
/** One entry per incident and series, as `tokentide alerts replay --json` prints it. */
export interface ReplayEntry {
  readonly rule: string;
  readonly severity: Severity;
  readonly tags: Tags;
  readonly start: number; // first judged hour of the incident
  readonly end: number; // end of its last hour with a verdict
  readonly fired_at: number; // when it would have fired: the end of the first hour, judged as if it had just closed
  readonly value: number; // largest
  readonly expected: number;
  readonly limit: number;
  readonly text: string;
}
