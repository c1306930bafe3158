import { setImmediate } from 'node:timers/promises';
import type { HourTable } from '../calendar.ts';
import { createIncidents, type Incident } from '../incidents.ts';
import { createJudge, type Finding, type Judge, type Subject } from '../judge.ts';
import type { Rules } from '../rules.ts';
import type { HourlySeries } from '../types.ts';

/** What the rules say of the hours of one account. */
export interface Judged {
  readonly incidents: readonly Incident[];
  /** By hour, those that are usual for the user left out. */
  readonly findings: readonly (readonly Finding[])[];
}

/** Judges the hours of one account in order, and again from an hour whose usage has changed. */
export interface AccountJudge {
  /**
   * Judges the closed hours up to `closed`, and what there is of the open hour after it.
   * @param from the first hour whose usage is not what it was
   * @param isExpected findings that the user does not want to hear of
   */
  judge(options: {
    readonly series: readonly HourlySeries[];
    readonly from: number;
    readonly closed: number;
    readonly isOpenSeen: boolean;
    readonly isExpected: (finding: Finding) => boolean;
    readonly signal: AbortSignal;
  }): Promise<Judged>;
}

export function createAccountJudge(hours: HourTable, rules: Rules): AccountJudge {
  let judge = createJudge([], hours, rules);
  let findings: Finding[][] = [];
  /** The first hour that is not judged. */
  let next = 0;

  /** New series have no usage in the hours before `from`, so that their state there is the initial one. */
  function include(series: readonly HourlySeries[]): void {
    if (series.length === judge.subjects.length) return;
    const larger = createJudge(series, hours, rules);
    const moved = moveState(judge, larger);
    const move = (subject: Subject): Subject => moved.get(subject)!;
    findings = findings.map((ofHour) =>
      ofHour.map((one) => ({ ...one, subject: move(one.subject), explainedBy: one.explainedBy.map(move) })),
    );
    judge = larger;
  }

  return {
    judge: async ({ series, from, closed, isOpenSeen, isExpected, signal }) => {
      include(series);
      next = rewind(judge, hours, Math.min(from, next, closed));
      findings.length = next;
      const kept: Finding[][] = [];
      const incidents = createIncidents();
      const enter = (index: number): void => {
        kept[index] = findings[index]!.filter((finding) => !isExpected(finding));
        incidents.add(index, kept[index]);
      };
      for (let index = 0; index < next; index++) enter(index);
      for (; next < closed; next++) {
        findings[next] = judge.closeHour(next);
        enter(next);
        await setImmediate(undefined, { signal });
      }
      if (isOpenSeen && closed < hours.length) {
        // What is above a limit already will not be below it at the end of the hour.
        findings[closed] = judge.closeHour(closed).filter(({ verdict }) => GROWING.test(verdict.rule));
        enter(closed);
      }
      return { incidents: incidents.all, findings: kept };
    },
  };
}

/** Rules on sums: a part of an hour is proof. */
const GROWING = /^(?:spike_|ceiling$|new_|night$|budget$)/;

/**
 * Makes a judge forget what it knows of the hours from `index` on. Returns the hour from which they have to be judged:
 * what is computed once a day needs the first hour of its day.
 */
function rewind({ subjects }: Judge, hours: HourTable, index: number): number {
  const [subject] = subjects;
  if (!subject || index >= hours.length) return Math.min(index, hours.length);
  const day = hours.day[index]!;
  const isSameDay = subject.account.day <= day;
  const from = isSameDay ? index : Math.max(0, hours.dayStart[day]!);
  for (const { account, baseline } of subjects) {
    if (!isSameDay) {
      account.day = -1;
      baseline.day = -1;
    }
    if (baseline.firstUse >= from) {
      baseline.firstUse = Infinity;
      baseline.day = -1;
    }
    baseline.excluded.fill(0, from);
    baseline.usual.fill(0, from);
    baseline.expected.fill(0, from);
    baseline.dayTotals.fill(0, day);
    for (let at = Math.max(0, hours.dayStart[day]!); at < from; at++) {
      if (baseline.values[at]! > 0) baseline.dayTotals[day]! += baseline.values[at]!;
    }
  }
  return from;
}

/** Copies the state of all subjects and of their account. Returns the new subject of each old one. */
function moveState(from: Judge, to: Judge): Map<Subject, Subject> {
  const bySeries = new Map(to.subjects.map((subject) => [subject.series, subject]));
  const moved = new Map<Subject, Subject>();
  for (const old of from.subjects) {
    const subject = bySeries.get(old.series)!;
    moved.set(old, subject);
    copyState(old.baseline, subject.baseline);
    copyState(old.account, subject.account);
  }
  return moved;
}

/** Numbers and arrays of numbers; the values of the series are shared. */
function copyState<T extends object>(from: T, to: T): void {
  for (const [name, value] of Object.entries(from) as [keyof T, unknown][]) {
    if (typeof value === 'number') to[name] = value as T[keyof T];
    else if (ArrayBuffer.isView(value) && value !== to[name])
      (to[name] as Float64Array).set(value as Float64Array);
    else if (value instanceof Map)
      for (const [key, one] of value) (to[name] as Map<unknown, unknown>).set(key, one);
  }
}
