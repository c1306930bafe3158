import { ALERT, type Severity } from '../../usage/catalogue.ts';
import type { Point } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import type { Verdict } from '../types.ts';

const STATE = { notice: 1, page: 2 } as const satisfies Record<Severity, number>;

/** The verdicts of one incident, in the order of their hours, and the hour in which it was over. */
export interface IncidentHours {
  readonly verdicts: readonly Verdict[];
  readonly overAt?: number;
}

/**
 * One point per hour with a verdict, and one with the state 0 when it is over. The severity is a tag: once an incident
 * has become a page, the series of the notice ends.
 */
export function alertPoints({ verdicts, overAt }: IncidentHours): Point[] {
  const points: Point[] = [];
  let severity: Severity | undefined;
  for (const verdict of verdicts) {
    if (severity === 'notice' && verdict.severity === 'page') points.push(point(verdict, 'notice', 0));
    if (severity !== 'page') severity = verdict.severity;
    points.push(point(verdict, severity, STATE[severity]));
  }
  const last = verdicts.at(-1);
  if (last && severity && overAt !== undefined) points.push(point({ ...last, time: overAt }, severity, 0));
  return points;
}

/** What is to be written: points that are not as they were, and the state 0 for those that are no more. */
export function changedPoints(before: readonly Point[], after: readonly Point[]): Point[] {
  const key = ({ tags, time }: Point): string => `${time} ${seriesKey(tags)}`;
  const text = ({ fields }: Point): string => JSON.stringify(fields);
  const known = new Map(before.map((one) => [key(one), one]));
  const kept = new Set(after.map(key));
  return [
    ...before
      .filter((one) => !kept.has(key(one)))
      .map((one) => ({ ...one, fields: { ...one.fields, state: 0 } })),
    ...after.filter((one) => {
      const old = known.get(key(one));
      return !old || text(old) !== text(one);
    }),
  ];
}

function point(
  { tags, rule, time, value, expected, limit }: Verdict,
  severity: Severity,
  state: number,
): Point {
  return {
    measurement: ALERT.name,
    time,
    tags: { ...tags, rule, severity },
    fields: {
      value: Math.round(value),
      expected: Math.round(expected),
      limit: Math.round(limit),
      ...(expected > 0 && { ratio: value / expected }),
      state,
    },
  };
}
