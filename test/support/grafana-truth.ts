import type { Field, Point, Tag, Tags } from '../../src/usage/point.ts';
import { encodeText } from '../../src/usage/tag-encoding.ts';
import { DAY, HOUR, MINUTE } from '../../src/windows/units.ts';
import { column, type Answer } from './grafana-influx.ts';
import { conditionsOf, groupsOf, whereOf, type Statement } from './grafana-influxql.ts';
import { interpolate, REFERENCE, nameIn, type Choice, type View } from './grafana-variables.ts';

/*
 * What a query on usage must answer, computed from the points that were written. Variables with several values are
 * compared as lists of names, not as the regular expressions that the query holds.
 */

/** Points with their tags as they are stored. */
export function asStored(points: readonly Point[]): Point[] {
  const stored = new Map<Tags, Tags>();
  return points.map((point) => {
    let tags = stored.get(point.tags);
    if (!tags) stored.set(point.tags, (tags = encoded(point.tags)));
    return { ...point, tags };
  });
}

const encoded = (tags: Tags): Tags =>
  Object.fromEntries(Object.entries(tags).map(([tag, value]) => [tag, encodeText(value ?? '')]));

/** Queries of one view often have the same filter. Whatever it is, hours and days are never added up. */
const filtered = new WeakMap<View, Map<string, readonly Point[]>>();

function pointsIn(points: readonly Point[], statement: Statement, view: View): readonly Point[] {
  const known = filtered.get(view) ?? new Map<string, readonly Point[]>();
  filtered.set(view, known);
  const [, zone = 'UTC'] = /tz\('([^']+)'\)$/.exec(texts(statement.text, view)) ?? [];
  const where = texts(whereOf(statement), view);
  const isSeparate = /"bucket" = '/.test(where) || groupsOf(statement).includes('"bucket"');
  const key = `${where} ${zone} ${isSeparate}`;
  const found = known.get(key);
  if (found) return found;
  const conditions = conditionsOf(where).map((each) => predicate(each, zone, view));
  if (!isSeparate) conditions.push(({ tags }) => tags.bucket === view.choices['bucket']);
  const result = points.filter((point) => conditions.every((holds) => holds(point)));
  known.set(key, result);
  return result;
}

/** Groups by their tag values, with the points of each. */
export function groupsIn(points: readonly Point[], statement: Statement, view: View): Point[][] {
  const tags = groupsOf(statement)
    .filter((group) => !group.startsWith('time('))
    .map((group) => texts(group, view).replaceAll('"', '') as Tag);
  const groups = new Map<string, Point[]>();
  for (const point of pointsIn(points, statement, view)) {
    const key = tags.map((tag) => point.tags[tag] ?? '').join('\0');
    const group = groups.get(key);
    if (group) group.push(point);
    else groups.set(key, [point]);
  }
  return [...groups.values()];
}

/** The sum of a field; undefined where no point has it. */
export function sumOf(points: readonly Point[], field: string): number | undefined {
  const values = points.map(({ fields }) => fields[field as Field]).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : values.reduce<number>((sum, value) => sum + Number(value), 0);
}

/** Sums and shares that a statement selects, by the name of their column. */
export function columnsOf({ text }: Statement, view: View): { name: string; parts: string[] }[] {
  const list = /^SELECT (.*?) FROM /.exec(texts(text, view))?.[1] ?? '';
  const pattern = /(?<=^|, )sum\("(\w+)"\)(?: \/ sum\("(\w+)"\))?(?: AS "(\w+)")?(?=, |$)/g;
  return [...list.matchAll(pattern)].map(([, field, divisor, name]) => ({
    name: name ?? 'sum',
    parts: divisor === undefined ? [field!] : [field!, divisor],
  }));
}

/** What is wrong with the sums and shares of an answer: nothing where they equal the points'. */
export function wrongSums(
  points: readonly Point[],
  statement: Statement,
  view: View,
  answer: Answer,
): { checked: number; problems: string[] } {
  const groups = groupsIn(points, statement, view);
  const isOverTime = groupsOf(statement).some((group) => group.startsWith('time('));
  const problems: string[] = [];
  let checked = 0;
  for (const { name, parts } of columnsOf(statement, view)) {
    const expected = groups
      .map((group) => parts.map((field) => sumOf(group, field)))
      .map(([sum, divisor]) => (parts.length === 1 ? sum : quotient(sum, divisor)))
      .filter((value) => value !== undefined);
    const actual = column(answer, name);
    if (isOverTime) {
      // Shares of hours do not add up to the share of the range.
      if (parts.length > 1) continue;
      checked++;
      if (total(actual) !== total(expected))
        problems.push(`${name}: ${total(actual)}, not ${total(expected)}`);
    } else {
      checked++;
      const wrong = differs(actual, expected);
      if (wrong !== undefined) problems.push(`${name}: ${wrong}`);
    }
  }
  return { checked, problems };
}

export function differs(actual: readonly number[], expected: readonly number[]): string | undefined {
  const sorted = (values: readonly number[]): string => values.toSorted((a, b) => b - a).join(' ');
  return sorted(actual) === sorted(expected) ? undefined : `${sorted(actual)}, not ${sorted(expected)}`;
}

const quotient = (sum?: number, divisor?: number): number | undefined =>
  sum === undefined || divisor === undefined ? undefined : sum / divisor;

export const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** The text with the variables that have one value. */
function texts(text: string, { choices }: View): string {
  return text.replaceAll(REFERENCE, (match, ...groups: string[]) => {
    const choice = choices[nameIn([match, ...groups])];
    return typeof choice === 'string' ? choice : match;
  });
}

type Predicate = (point: Point) => boolean;

/** Made once for all points. */
function predicate(condition: string, zone: string, view: View): Predicate {
  if (/^\(.*\)$/.test(condition)) {
    const parts = condition.slice(1, -1).split(' OR ');
    const any = parts.map((part) => predicate(part, zone, view));
    return (point) => any.some((each) => each(point));
  }
  if (/^(?:time |\$timeFilter)/.test(condition)) return duringTime(interpolate(condition, view), zone);
  const [, field, least] = /^"(\w+)" > (\d+)$/.exec(condition) ?? [];
  if (field !== undefined) return ({ fields }) => Number(fields[field as Field] ?? 0) > Number(least);
  const [, tag, operator, value] = /^"(\w+)" (=~|!~|=|!=) (.+)$/s.exec(condition) ?? [];
  if (tag === undefined) throw new SyntaxError(`not a condition on a tag: ${condition}`);
  const matches = matching(value!, view);
  const expected = !operator!.startsWith('!');
  return ({ tags }) => matches(tags[tag as Tag] ?? '') === expected;
}

function matching(pattern: string, { choices }: View): (value: string) => boolean {
  const [, variable] = /^\/\^\$\{(\w+):regex\}\$\/$/.exec(pattern) ?? [];
  if (variable !== undefined) return choosing(choices[variable]!);
  if (pattern === '/.+/') return (value) => value !== '';
  const [, text] = /^'(.*)'$/.exec(pattern) ?? [];
  if (text === undefined) throw new SyntaxError(`not compared here: ${pattern}`);
  return (value) => value === text;
}

function choosing(choice: Choice): (value: string) => boolean {
  if (typeof choice === 'string') return (value) => value === choice;
  if ('all' in choice) return () => true;
  const chosen = new Set(choice);
  return (value) => chosen.has(value);
}

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: MINUTE * 1_000, h: HOUR * 1_000, d: DAY * 1_000 };

function duringTime(filter: string, zone: string): Predicate {
  const bounds = filter.split(/ and /i).map((part) => {
    const [, operator, bound] = /^time (>=|<=|>|<) (.+)$/.exec(part) ?? [];
    if (bound === undefined) throw new SyntaxError(`not a condition on the time: ${part}`);
    return { operator: operator!, milliseconds: milliseconds(dateIn(bound, zone)) };
  });
  return ({ time }) =>
    bounds.every(({ operator, milliseconds }) => {
      const difference = time * 1_000 - milliseconds;
      if (difference === 0) return operator.endsWith('=');
      return operator.startsWith('>') ? difference > 0 : difference < 0;
    });
}

const OFFSETS: Record<string, string> = { 'Asia/Shanghai': '+08:00', UTC: 'Z' };

/** A date as text begins at midnight of the zone. */
function dateIn(bound: string, zone: string): string {
  return bound.replace(/'(\d{4}-\d\d-\d\d)'/, (_, date: string) => {
    const start = Date.parse(`${date}T00:00:00${OFFSETS[zone]!}`);
    return `${start}ms`;
  });
}

/** Sums and differences of durations. */
function milliseconds(text: string): number {
  const flat = text.replaceAll(/\(([^()]*)\)/g, (_, inside: string) => `${milliseconds(inside)}ms`);
  return total(
    [...flat.replaceAll(/\s/g, '').matchAll(/([+-]?)(\d+)(ms|[smhd])/g)].map(
      ([, sign, amount, unit]) => (sign === '-' ? -1 : 1) * Number(amount) * UNITS[unit!]!,
    ),
  );
}
