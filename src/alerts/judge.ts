import { HOUR } from '../windows/units.ts';
import { groupByAccount } from './accounts.ts';
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
import { nameOf, spikeText } from './text.ts';
import { type HourlySeries, type Scope, SCOPES, type Verdict } from './types.ts';
import { USAGE_RULES } from './usage-rules.ts';

/** Judges all series of all accounts, hour by hour. */

const LEAVES: readonly Scope[] = ['key', 'user', 'endpoint'];
/** Share of a total's excess that its children have to explain. */
const EXPLAINED = 0.8;
/** A series has no spikes before there is a week to compare with. */
const YOUNG_HOURS = 7 * 24;

export interface Subject {
  readonly series: HourlySeries;
  readonly baseline: Baseline;
  readonly rule: Extract<RuleName, `spike_${string}`>;
  /** Series that are part of this one, or that may be the same usage under another name. */
  readonly children: readonly Subject[];
  readonly account: AccountSubjects;
}

export interface AccountSubjects {
  /** Children before their parents. */
  readonly subjects: readonly Subject[];
  readonly total: Subject | undefined;
  /** Renewed with each local day: */
  day: number;
  /** Tokens of a usual day, for floors. */
  usualDay: number;
  /** The peaks of a typical series of a scope, by window: for those that are too rare to have their own. */
  readonly peaks: Map<Scope, Float64Array>;
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
  const accounts = groupByAccount(series).map((members) => accountOf(members, hours));
  const comparable = createComparable();

  return {
    subjects: accounts.flatMap(({ subjects }) => subjects),
    closeHour(index) {
      compareWith(comparable, hours, index);
      const findings: Finding[] = [];
      for (const account of accounts) {
        for (const { baseline } of account.subjects) expectHour(baseline, comparable);
        renewDay(account, hours.day[index]!);
        findings.push(
          ...judgeSpikes(account, index, hours, rules),
          ...judgeUsage(account, index, hours, rules),
        );
        for (const { baseline } of account.subjects) closeHour(baseline, index);
      }
      return findings;
    },
  };
}

function judgeSpikes(account: AccountSubjects, index: number, hours: HourTable, rules: Rules): Finding[] {
  const findings: Finding[] = [];
  const spiking = new Set<Subject>();
  for (const subject of account.subjects) {
    const { baseline, series } = subject;
    const rule = rules[subject.rule];
    if (rule.off || !(index - baseline.firstUse >= YOUNG_HOURS)) continue;
    const spike = judgeSpike({
      baseline,
      index,
      value: baseline.values[index]!,
      rule,
      floor: floorOf(rule, account),
      peersPeaks: account.peaks.get(series.scope)!,
    });
    if (!spike) continue;
    spiking.add(subject);
    const { callers, explained } = attribute(subject, spike, index, spiking);
    findings.push({
      subject,
      verdict: {
        rule: subject.rule,
        severity: spike.severity,
        tags: series.tags,
        time: hours.start + index * HOUR,
        value: Math.round(spike.value),
        expected: Math.round(spike.expected),
        limit: Math.round(spike.limit),
        text: spikeText(
          series,
          spike,
          hours,
          index,
          callers.map((caller) => nameOf(caller.series)),
        ),
      },
      explainedBy: explained ? callers : [],
    });
  }
  return findings;
}

/** Which children make up most of a spike, and whether they are reported themselves. */
function attribute(
  { children, series }: Subject,
  { value, expected, window }: Spike,
  index: number,
  spiking: ReadonlySet<Subject>,
): { callers: readonly Subject[]; explained: boolean } {
  const needed = EXPLAINED * (value - expected);
  const parts = children
    .map((child) => ({ child, excess: excessOf(child.baseline, index, window) }))
    .filter(({ excess }) => excess > 0)
    .toSorted((a, b) => b.excess - a.excess);
  const isReported = (child: Subject): boolean =>
    spiking.has(child) || child.baseline.excluded[index - 1] === 1;
  if (series.scope === 'user') {
    // A key is a part of no user's usage unless it is all of it.
    const same = parts.filter(
      ({ child, excess }) => isReported(child) && excess >= needed && needed >= EXPLAINED ** 2 * excess,
    );
    return { callers: same.slice(0, 1).map(({ child }) => child), explained: same.length > 0 };
  }
  const upTo = (candidates: typeof parts): typeof parts => {
    let sum = 0;
    const last = candidates.findIndex(({ excess }) => (sum += excess) >= needed);
    return last === -1 ? [] : candidates.slice(0, last + 1);
  };
  const reported = upTo(parts.filter(({ child }) => isReported(child)));
  const callers = reported.length > 0 ? reported : upTo(parts);
  return { callers: callers.map(({ child }) => child), explained: reported.length > 0 };
}

/** Tokens above the usual of the hours that end with this one. */
function excessOf({ values, expected }: Baseline, index: number, window: number): number {
  let excess = 0;
  for (let at = Math.max(0, index - window + 1); at <= index; at++)
    excess += (values[at] || 0) - expected[at]!;
  return excess;
}

function judgeUsage(account: AccountSubjects, index: number, hours: HourTable, rules: Rules): Finding[] {
  const findings: Finding[] = [];
  for (const subject of account.subjects) {
    const { scope } = subject.series;
    if (scope === 'team') continue;
    const floor = floorOf(rules[subject.rule], account);
    for (const rule of USAGE_RULES[scope === 'account' || scope === 'model' ? scope : 'leaf']) {
      const found = rule({ subject, index, hours, rules, floor });
      if (found && !rules[found.verdict.rule as RuleName].off) findings.push(found);
    }
  }
  return findings;
}

function floorOf(rule: SpikeRule, account: AccountSubjects): number {
  return Math.max(rule.floor_tokens, rule.floor_share * account.usualDay);
}

function renewDay(account: AccountSubjects, day: number): void {
  if (account.day === day) return;
  account.day = day;
  for (const scope of SCOPES) {
    const peers = account.subjects.filter(
      ({ series, baseline }) => series.scope === scope && baseline.active > 0,
    );
    const peak = (w: number): number => medianOf(peers.map(({ baseline }) => baseline.p95[w]!));
    account.peaks.set(
      scope,
      Float64Array.from(WINDOWS, (_, w) => peak(w)),
    );
  }
  const days = account.total?.baseline.dayTotals.subarray(Math.max(0, day - BASELINE_DAYS), day) ?? [];
  account.usualDay = medianOf([...days].filter((sum) => sum > 0));
}

function medianOf(values: readonly number[]): number {
  return values.length > 0 ? median(Float64Array.from(values), values.length) : 0;
}

function accountOf(members: readonly HourlySeries[], hours: HourTable): AccountSubjects {
  const subjects: Subject[] = [];
  const account: { -readonly [K in keyof AccountSubjects]: AccountSubjects[K] } = {
    subjects,
    total: undefined,
    day: -1,
    usualDay: 0,
    peaks: new Map(),
  };
  const add = (scope: Scope, isChild: (child: HourlySeries, parent: HourlySeries) => boolean): void => {
    const known = [...subjects];
    for (const one of members.filter((member) => member.scope === scope)) {
      const children = known.filter((child) => isChild(child.series, one));
      const baseline = createBaseline(one.tokens, hours);
      subjects.push({ series: one, baseline, rule: `spike_${scope}`, children, account });
    }
  };
  add('key', () => false);
  add('endpoint', () => false);
  add('user', (child) => child.scope === 'key');
  add('team', (child, team) => child.scope === 'user' && child.tags.team === team.tags.team);
  // A key or user may use any model.
  add(
    'model',
    (child, model) => isLeaf(child) && (child.tags.model ?? model.tags.model) === model.tags.model,
  );
  add('account', isLeaf);
  account.total = subjects.find((subject) => subject.series.scope === 'account');
  return account;
}

function isLeaf({ scope }: HourlySeries): boolean {
  return LEAVES.includes(scope);
}
