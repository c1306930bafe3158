import {
  type Baseline,
  BASELINE_DAYS,
  closeHour,
  compareWith,
  createBaseline,
  createComparable,
  expectHour,
  WINDOWS,
} from './baseline.ts';
import type { HourTable } from './calendar.ts';
import type { RuleName, Rules, SpikeRule } from './rules.ts';
import { judgeSpike, type Spike } from './spikes.ts';
import { median } from './statistics.ts';
import { spikeText } from './text.ts';
import { type HourlySeries, type Scope, SCOPES, type Verdict } from './types.ts';

/** Judges all series of all accounts, hour by hour. */

export const LEAVES: readonly Scope[] = ['key', 'user', 'endpoint'];
/** Share of a total's excess that its children have to explain. */
const EXPLAINED = 0.8;

export interface Subject {
  readonly series: HourlySeries;
  readonly baseline: Baseline;
  readonly rule: RuleName;
  /** Series that are part of this one. */
  readonly children: readonly Subject[];
  readonly account: AccountSubjects;
}

interface AccountSubjects {
  readonly subjects: Subject[];
  /** Tokens of a usual day, for floors; renewed once a day. */
  usualDay: number;
  /** The peaks of a typical key, user or endpoint, by window: for those that are too rare to have their own. */
  readonly peaks: Map<Scope, Float64Array>;
  day: number;
}

/** A verdict and whose it is. */
export interface Finding {
  readonly subject: Subject;
  readonly verdict: Verdict;
  /** The children that explain it: then it is part of their incidents. */
  readonly explainedBy: readonly Subject[];
}

export interface Judge {
  readonly subjects: readonly Subject[];
  /** Judges an hour by what is before it and enters it. Hours are taken in order. */
  closeHour(index: number): Finding[];
}

/** @param series all with the start and the length of `hours` */
export function createJudge(series: readonly HourlySeries[], hours: HourTable, rules: Rules): Judge {
  const accounts = groupByAccount(series, hours);
  const subjects = accounts.flatMap((account) => account.subjects);
  const comparable = createComparable();

  return {
    subjects,
    closeHour(index) {
      compareWith(comparable, hours, index);
      const findings = accounts.flatMap((account) => {
        for (const { baseline } of account.subjects) expectHour(baseline, comparable);
        renewDay(account, hours, index);
        return judgeAccount(account, index, rules, hours);
      });
      for (const { baseline } of subjects) closeHour(baseline, index);
      return findings;
    },
  };
}

function judgeAccount(account: AccountSubjects, index: number, rules: Rules, hours: HourTable): Finding[] {
  const findings: Finding[] = [];
  const spiking = new Map<Subject, Spike>();
  for (const subject of account.subjects) {
    const rule = rules[subject.rule] as SpikeRule;
    if (rule.off || isYoung(subject.baseline, index)) continue;
    const spike = judgeSpike({
      baseline: subject.baseline,
      index,
      value: subject.baseline.values[index]!,
      rule,
      floor: floorOf(rule, account),
      peersPeaks: account.peaks.get(subject.series.scope)!,
    });
    if (!spike) continue;
    spiking.set(subject, spike);
    const excess = spike.value - spike.expected;
    const explaining = subject.children
      .filter((child) => spiking.has(child) || child.baseline.excluded[index - 1] === 1)
      .map((child) => ({ child, excess: excessOf(child.baseline, index, spike.window) }))
      .filter((child) => child.excess > 0)
      .toSorted((a, b) => b.excess - a.excess);
    const explained = explaining.reduce((sum, child) => sum + child.excess, 0);
    findings.push({
      subject,
      verdict: {
        rule: subject.rule,
        severity: spike.severity,
        tags: subject.series.tags,
        time: hours.start + index * 3600,
        value: Math.round(spike.value),
        expected: Math.round(spike.expected),
        limit: Math.round(spike.limit),
        text: spikeText(subject.series, spike, hours, index),
      },
      explainedBy: explained >= EXPLAINED * excess ? explaining.map(({ child }) => child) : [],
    });
  }
  return findings;
}

function floorOf(rule: SpikeRule, account: AccountSubjects): number {
  return Math.max(rule.floor_tokens, rule.floor_share * account.usualDay);
}

/** No week to compare with. */
function isYoung(baseline: Baseline, index: number): boolean {
  return index - baseline.firstUse < 7 * 24 || baseline.firstUse === Infinity;
}

/** Tokens above the usual of the hours that end with this one. */
function excessOf({ values, expected }: Baseline, index: number, window: number): number {
  let excess = 0;
  for (let at = Math.max(0, index - window + 1); at <= index; at++)
    excess += (values[at] || 0) - expected[at]!;
  return excess;
}

function renewDay(account: AccountSubjects, hours: HourTable, index: number): void {
  const day = hours.day[index]!;
  if (account.day === day) return;
  account.day = day;
  for (const scope of SCOPES) {
    const peers = account.subjects.filter(
      ({ series, baseline }) => series.scope === scope && baseline.active > 0,
    );
    account.peaks.set(
      scope,
      Float64Array.from(WINDOWS, (_, w) => {
        const peaks = Float64Array.from(peers, ({ baseline }) => baseline.p95[w]!);
        return peaks.length > 0 ? median(peaks, peaks.length) : 0;
      }),
    );
  }
  const total = account.subjects.find(({ series }) => series.scope === 'account');
  if (!total) return;
  const days = total.baseline.dayTotals.slice(Math.max(0, day - BASELINE_DAYS), day).filter((sum) => sum > 0);
  account.usualDay = days.length > 0 ? median(days, days.length) : 0;
}

function groupByAccount(series: readonly HourlySeries[], hours: HourTable): AccountSubjects[] {
  const groups = new Map<string, HourlySeries[]>();
  for (const one of series) {
    const id = JSON.stringify([one.tags.provider, one.tags.account]);
    groups.set(id, [...(groups.get(id) ?? []), one]);
  }
  return [...groups.values()].map((members) => {
    const account: AccountSubjects = { subjects: [], usualDay: 0, peaks: new Map(), day: -1 };
    const subject = (one: HourlySeries, children: readonly Subject[] = []): Subject => ({
      series: one,
      baseline: createBaseline(one.tokens, hours),
      rule: `spike_${one.scope}`,
      children,
      account,
    });
    const leaves = members.filter(({ scope }) => LEAVES.includes(scope)).map((one) => subject(one));
    const groupsOfLeaves = members
      .filter(({ scope }) => scope === 'model' || scope === 'team')
      .map((one) =>
        subject(
          one,
          leaves.filter((leaf) => isPartOf(leaf.series, one)),
        ),
      );
    const totals = members.filter(({ scope }) => scope === 'account').map((one) => subject(one, leaves));
    // Children first: a total is judged when it is known which of them are out of the ordinary.
    account.subjects.push(...leaves, ...groupsOfLeaves, ...totals);
    return account;
  });
}

/** A leaf that does not say which model or team it has may be of any. */
function isPartOf(leaf: HourlySeries, total: HourlySeries): boolean {
  const tag = total.scope as 'model' | 'team';
  const own = leaf.tags[tag];
  return own === undefined ? tag === 'model' : own === total.tags[tag];
}
