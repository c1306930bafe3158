import type { Answer } from './grafana-influx.ts';

/*
 * Grafana's expressions on InfluxQL answers, as far as our rules use them: reduce, math, threshold.
 * https://github.com/grafana/grafana/blob/main/pkg/expr/mathexp/exp.go (joins, NaN, missing numbers)
 * https://github.com/grafana/grafana/blob/main/pkg/expr/mathexp/parse/parse.go (grammar)
 * https://github.com/grafana/grafana/blob/main/pkg/expr/threshold.go
 * https://github.com/grafana/grafana/blob/main/pkg/services/ngalert/eval/eval.go (states)
 */

export type Labels = Readonly<Record<string, string>>;

/** A number with labels; null where a series had none. Constants have no labels. */
export interface Item {
  readonly labels: Labels;
  readonly value: number | null;
}

/** What a query without an answer becomes. */
export const NO_DATA = 'no data';
export type Items = readonly Item[] | typeof NO_DATA;

/** One entry of a rule's `data`. */
export interface RuleQuery {
  readonly refId: string;
  readonly datasourceUid: string;
  readonly model: {
    readonly query?: string;
    readonly type?: string;
    readonly expression?: string;
    readonly reducer?: string;
    readonly settings?: { readonly mode?: string };
    readonly conditions?: readonly {
      readonly evaluator: { readonly type: string; readonly params: readonly number[] };
    }[];
  };
}

export interface RuleJson {
  readonly uid: string;
  readonly title: string;
  readonly condition: string;
  readonly data: readonly RuleQuery[];
  readonly noDataState: string;
  readonly execErrState: string;
  readonly isPaused?: boolean;
  readonly labels: Labels;
  readonly annotations: Labels;
}

export interface Instance {
  readonly labels: Labels;
  readonly state: 'Alerting' | 'Normal' | 'NoData';
  /** What templates get as `$values`. */
  readonly values: Readonly<Record<string, number>>;
}

export const isQuery = ({ datasourceUid }: RuleQuery): boolean => datasourceUid !== '__expr__';

/** The states of a rule before `for`. @throws Error where Grafana would report an error */
export async function evaluate(rule: RuleJson, ask: (query: string) => Promise<Answer>): Promise<Instance[]> {
  const results = new Map<string, Items>();
  const answers = new Map<string, Answer>();
  for (const entry of rule.data) {
    const { refId, model } = entry;
    if (isQuery(entry)) {
      const answer = await ask(model.query!);
      if (answer.error !== undefined) throw new Error(`${rule.uid} ${refId}: ${answer.error}`);
      answers.set(refId, answer);
      // Also a query that the condition does not need.
      if (answer.series.length === 0) return [{ labels: {}, state: 'NoData', values: {} }];
    } else results.set(refId, expression(entry, results, answers));
  }
  const condition = results.get(rule.condition);
  if (condition === undefined) throw new Error(`${rule.uid}: no ${rule.condition}`);
  if (condition === NO_DATA || condition.length === 0) return [{ labels: {}, state: 'NoData', values: {} }];
  const isTwice = condition.some((item, index) =>
    condition.slice(index + 1).some(({ labels }) => holds(item.labels, labels) && holds(labels, item.labels)),
  );
  if (isTwice) throw new Error(`${rule.uid}: two items have the same labels`);
  return condition.map(({ labels, value }) => ({
    labels,
    state: value === null ? 'NoData' : value === 0 ? 'Normal' : 'Alerting',
    values: valuesFor(labels, results),
  }));
}

/** What fires, before `for`. */
export function firing(rule: RuleJson, instances: readonly Instance[]): Instance[] {
  return instances.filter(
    ({ state }) => state === 'Alerting' || (state === 'NoData' && rule.noDataState === 'Alerting'),
  );
}

function expression(
  { refId, model }: RuleQuery,
  results: ReadonlyMap<string, Items>,
  answers: ReadonlyMap<string, Answer>,
): Items {
  const { type, expression: text = '' } = model;
  const reference = text.replace(/^\$\{?(\w+)\}?$/, '$1');
  if (type === 'reduce') {
    const answer = answers.get(reference);
    if (!answer) throw new Error(`${refId}: no query ${text}`);
    return reduce(answer, model.reducer!, model.settings?.mode);
  }
  if (type === 'math') return calculate(text, results);
  if (type === 'threshold') {
    const items = results.get(reference);
    if (items === undefined) throw new Error(`${refId}: no ${text}`);
    const [first, ...others] = model.conditions ?? [];
    if (!first || others.length > 0) throw new Error(`${refId}: not one condition`);
    return threshold(items, first.evaluator);
  }
  throw new Error(`${refId}: an expression of type ${type}`);
}

const REDUCERS: Record<string, (values: readonly number[]) => number> = {
  last: (values) => values.at(-1)!,
  max: (values) => Math.max(...values),
  min: (values) => Math.min(...values),
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  mean: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  count: (values) => values.length,
};

function reduce({ series }: Answer, reducer: string, mode?: string): Item[] {
  const apply = REDUCERS[reducer];
  if (!apply || mode !== 'dropNN') throw new Error(`reduce by ${reducer}, ${mode}`);
  return series.map(({ tags = {}, columns, values }) => {
    if (columns.length !== 2) throw new Error(`reduce needs one column, not ${columns.join(', ')}`);
    const numbers = values.map(([, value]) => value).filter((value) => typeof value === 'number');
    return { labels: tags, value: numbers.length === 0 && reducer !== 'count' ? null : apply(numbers) };
  });
}

const THRESHOLDS: Record<string, (value: number, first: number, second: number) => boolean> = {
  gt: (value, limit) => value > limit,
  lt: (value, limit) => value < limit,
  gte: (value, limit) => value >= limit,
  lte: (value, limit) => value <= limit,
  eq: (value, limit) => value === limit,
  ne: (value, limit) => value !== limit,
  within_range: (value, low, high) => value > low && value < high,
  outside_range: (value, low, high) => value < low || value > high,
};

function threshold(
  items: Items,
  { type, params }: { readonly type: string; readonly params: readonly number[] },
): Items {
  const test = THRESHOLDS[type];
  if (!test) throw new Error(`a threshold of type ${type}`);
  if (items === NO_DATA) return NO_DATA;
  const [first = Number.NaN, second = Number.NaN] = params;
  return items.map(({ labels, value }) => ({
    labels,
    value: value === null ? null : Number(test(value, first, second)),
  }));
}

/** The numbers of every expression for one alert: those with the same labels, or with more or fewer. */
function valuesFor(labels: Labels, results: ReadonlyMap<string, Items>): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [refId, items] of results) {
    if (items === NO_DATA) continue;
    const match =
      items.find((item) => holds(labels, item.labels) && holds(item.labels, labels)) ??
      items.find((item) => holds(labels, item.labels) || holds(item.labels, labels));
    if (match) values[refId] = match.value ?? Number.NaN;
  }
  return values;
}

/** Whether all of `inner` are in `outer`. */
function holds(outer: Labels, inner: Labels): boolean {
  return Object.entries(inner).every(([name, value]) => outer[name] === value);
}

/** @throws SyntaxError for what is no expression */
export function calculate(text: string, results: ReadonlyMap<string, Items>): Items {
  const tokens =
    text.match(/\$\{?\w+\}?|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\w+|\*\*|&&|\|\||[<>=!]=|[-+*/%<>!(),]|\S/gi) ?? [];
  let at = 0;
  const next = (): string | undefined => tokens[at++];

  const LEVELS = [['||'], ['&&'], ['==', '!=', '>', '>=', '<', '<='], ['+', '-'], ['*', '/', '%'], ['**']];
  function level(depth: number): Items {
    const operators = LEVELS[depth];
    if (!operators) return factor();
    let left = level(depth + 1);
    while (operators.includes(tokens[at] ?? '')) {
      const operator = next()!;
      left = join(left, level(depth + 1), (a, b) => binary(operator, a, b));
    }
    return left;
  }

  function factor(): Items {
    const token = next();
    if (token === undefined) throw new SyntaxError(`the end of ${text} was not expected`);
    if (token === '(') {
      const inner = level(0);
      if (next() !== ')') throw new SyntaxError(`a bracket is not closed: ${text}`);
      return inner;
    }
    if (token === '-') return each(factor(), (value) => -value);
    if (token === '!') return each(factor(), (value) => Number(value === 0));
    if (token.startsWith('$')) {
      const items = results.get(token.replace(/^\$\{?(\w+)\}?$/, '$1'));
      if (items === undefined) throw new Error(`${token} in ${text} does not exist before it`);
      return items;
    }
    if (/^\d/.test(token)) return [{ labels: {}, value: Number(token) }];
    const apply = FUNCTIONS[token];
    if (!apply || tokens[at] !== '(') throw new SyntaxError(`${token} in ${text}`);
    return each(factor(), apply);
  }

  const result = level(0);
  if (at < tokens.length) throw new SyntaxError(`${tokens[at]} in ${text}`);
  return result;
}

const FUNCTIONS: Record<string, (value: number) => number> = {
  abs: Math.abs,
  log: Math.log,
  round: Math.round,
  ceil: Math.ceil,
  floor: Math.floor,
  is_nan: (value) => Number(Number.isNaN(value)),
};

const each = (items: Items, apply: (value: number) => number): Items =>
  items === NO_DATA
    ? NO_DATA
    : items.map(({ labels, value }) => ({ labels, value: value === null ? null : apply(value) }));

/** Items whose labels are equal, or part of the other's; the others disappear. */
function join(left: Items, right: Items, apply: (a: number, b: number) => number): Items {
  if (left === NO_DATA || right === NO_DATA) return NO_DATA;
  const joined: Item[] = [];
  const combine = (labels: Labels, a: Item, b: Item): void => {
    const value = a.value === null || b.value === null ? null : apply(a.value, b.value);
    joined.push({ labels, value });
  };
  for (const a of left)
    for (const b of right) {
      const sizes = [Object.keys(a.labels).length, Object.keys(b.labels).length] as const;
      if (sizes[0] >= sizes[1] && holds(a.labels, b.labels)) combine(a.labels, a, b);
      else if (sizes[1] > sizes[0] && holds(b.labels, a.labels)) combine(b.labels, a, b);
    }
  // One on each side is joined whatever its labels, and loses them.
  if (joined.length === 0 && left.length === 1 && right.length === 1) combine({}, left[0]!, right[0]!);
  return joined;
}

function binary(operator: string, a: number, b: number): number {
  if (operator === '||' && a !== 0) return 1;
  if (operator === '&&' && a === 0) return 0;
  // Also of comparisons: and what is not 0 fires.
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN;
  return Number(OPERATORS[operator]!(a, b));
}

const OPERATORS: Record<string, (a: number, b: number) => number | boolean> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '**': (a, b) => a ** b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '||': (a, b) => a !== 0 || b !== 0,
  '&&': (a, b) => a !== 0 && b !== 0,
};
