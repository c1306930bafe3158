import type { Point, Tags } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import { HOUR } from '../../windows/units.ts';
import { kindOf, QUIET_HOURS, type Incident } from '../incidents.ts';
import type { Finding, Subject } from '../judge.ts';
import type { Verdict } from '../types.ts';
import type { Judged } from './account-judge.ts';
import type { AccountSeries } from './account-series.ts';
import type { FoundIncident } from './changes.ts';
import { alertPoints } from './points.ts';

/** The hour that ends an incident: the last of the closed hours without a verdict. Unix seconds; undefined before it. */
export type OverAt = (last: number) => number | undefined;

/** Hours that nobody read are not counted. */
export function overHour(
  series: AccountSeries,
  start: number,
  last: number,
  closed: number,
): number | undefined {
  if (last < start) return last;
  let quiet = 0;
  for (let index = (last - start) / HOUR; index < closed; index++) {
    if (series.isRead(index)) quiet++;
    if (quiet === QUIET_HOURS) return start + index * HOUR;
  }
  return undefined;
}

export function incidentsOf(judged: Judged, overAt: OverAt): FoundIncident[] {
  return judged.incidents.map((incident) => {
    const { rule, severity, start, end, largest, subject } = incident;
    const { value, expected, limit, text } = largest;
    return {
      rule,
      severity,
      tags: subject.series.tags,
      opened: start,
      last: end,
      value,
      expected,
      limit,
      text,
      related: relatedTo(incident, judged),
      isOver: overAt(end) !== undefined,
    };
  });
}

/** The points of all incidents, in hours from `from` on. */
export function pointsOf(
  judged: Judged,
  { from, overAt }: { readonly from: number; readonly overAt: OverAt },
): Point[] {
  return judged.incidents
    .filter(({ end }) => end > from)
    .flatMap((incident) => {
      const at = overAt(incident.end);
      const points = alertPoints({
        verdicts: verdictsOf(incident, judged),
        ...(at !== undefined && { overAt: at }),
      });
      return points.filter(({ time }) => time >= from);
    });
}

function verdictsOf(incident: Incident, { findings }: Judged): Verdict[] {
  return hoursOf(incident, findings).flatMap((ofHour) =>
    ofHour
      .filter((finding) => isOf(incident, finding))
      .map(({ verdict }) => ({ ...verdict, rule: incident.rule })),
  );
}

function relatedTo(incident: Incident, { findings }: Judged): Tags[] {
  const related = new Map<string, Tags>();
  const add = (subjects: readonly Subject[]): void => {
    for (const { series } of subjects) related.set(seriesKey(series.tags), series.tags);
  };
  for (const finding of hoursOf(incident, findings).flat()) {
    if (isOf(incident, finding)) add(finding.explainedBy);
    else if (finding.explainedBy.includes(incident.subject)) add([finding.subject]);
  }
  return [...related.values()];
}

function isOf(incident: Incident, { subject, verdict }: Finding): boolean {
  return subject === incident.subject && kindOf(verdict.rule) === kindOf(incident.rule);
}

function hoursOf<T>({ start, end, subject }: Incident, byHour: readonly T[]): readonly T[] {
  const first = subject.series.start;
  return byHour.slice((start - first) / HOUR, (end - first) / HOUR);
}
