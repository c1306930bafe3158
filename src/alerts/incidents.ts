import { HOUR } from '../windows/units.ts';
import type { Finding, Subject } from './judge.ts';
import type { RuleName } from './rules.ts';
import type { ReplayEntry, Verdict } from './types.ts';

/** Incidents as a function of the findings of each hour. */

/** Closed hours without a finding after which an incident is over. */
export const QUIET_HOURS = 3;
/** One that returns within that time, and not larger, is the same: a launch is reported again the next morning at most. */
const REOPEN_HOURS = 18;
const REOPEN_RATIO = 2;
/** Hours of an incident that are no part of what is usual; one that lasts longer is the new usual. */
const EXCLUDED_HOURS = 24;

/** Rules that have a subject of their own. All others say that a series uses too much now, and share an incident. */
const OTHER_SUBJECTS: readonly string[] = [
  'new_model',
  'day',
  'budget',
  'cache_share',
  'output_ratio',
] satisfies RuleName[];

export interface Incident {
  readonly subject: Subject;
  readonly start: number;
  end: number;
  /** The verdict with the largest value. */
  largest: Verdict;
  severity: Verdict['severity'];
  readonly rule: string;
}

export interface Incidents {
  readonly all: readonly Incident[];
  add(index: number, findings: readonly Finding[]): void;
}

export function createIncidents(): Incidents {
  const all: Incident[] = [];
  const last = new Map<Subject, Map<string, Incident>>();
  return {
    all,
    add(index, findings) {
      const explained = new Set(
        findings.filter(({ explainedBy }) => explainedBy.length > 0).map(({ subject }) => subject),
      );
      for (const { subject, verdict } of findings) {
        const kind = kindOf(verdict.rule);
        const ofSubject = last.get(subject) ?? new Map<string, Incident>();
        last.set(subject, ofSubject);
        const known = ofSubject.get(kind);
        const isExplained = explained.has(subject) && !(known && isOpen(known, verdict));
        let incident = known;
        if (!isExplained) {
          if (known && continues(known, verdict)) extend(known, verdict);
          else {
            incident = open(subject, verdict);
            ofSubject.set(kind, incident);
            all.push(incident);
          }
        }
        const isAdopted = incident && verdict.time - incident.start >= EXCLUDED_HOURS * HOUR && !isExplained;
        if (kind === 'load' && !isAdopted) subject.baseline.excluded[index] = 1;
      }
    },
  };
}

/** Findings of one kind on one series share an incident. */
export function kindOf(rule: string): string {
  return OTHER_SUBJECTS.includes(rule) ? rule : 'load';
}

function open(subject: Subject, verdict: Verdict): Incident {
  const { time, severity, rule } = verdict;
  return { subject, start: time, end: time + HOUR, largest: verdict, severity, rule };
}

function isOpen(incident: Incident, verdict: Verdict): boolean {
  return verdict.time - incident.end < QUIET_HOURS * HOUR;
}

function continues(incident: Incident, verdict: Verdict): boolean {
  if (isOpen(incident, verdict)) return true;
  return (
    verdict.time - incident.end < REOPEN_HOURS * HOUR && verdict.value < REOPEN_RATIO * incident.largest.value
  );
}

function extend(incident: Incident, verdict: Verdict): void {
  incident.end = verdict.time + HOUR;
  if (verdict.value > incident.largest.value) incident.largest = verdict;
  if (verdict.severity === 'page') incident.severity = 'page';
}

export function entryOf({ subject, start, end, largest, severity, rule }: Incident): ReplayEntry {
  const { value, expected, limit, text } = largest;
  const { tags } = subject.series;
  return { rule, severity, tags, start, end, fired_at: start + HOUR, value, expected, limit, text };
}
