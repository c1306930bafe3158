import type { Labels } from './grafana-expressions.ts';

/*
 * Annotations of alert rules: Go templates with the functions that ours use.
 * https://pkg.go.dev/text/template, https://grafana.com/docs/grafana/latest/alerting/alerting-rules/templates/reference/
 */

export interface TemplateData {
  readonly labels: Labels;
  readonly values: Readonly<Record<string, number>>;
}

export const EXTERNAL_URL = 'http://localhost:3000/';
/** Printed for a label or value that does not exist. */
const NO_VALUE = '[no value]';

type Value = string | number | boolean | { readonly Value: number } | undefined;

/** @throws Error where Grafana would show the template instead of the text */
export function render(template: string, data: TemplateData): string {
  const parts = template.split(/(\{\{.*?\}\})/s);
  let at = 0;

  /** Until `else` or `end` of the block that it is in. */
  function block(isShown: boolean, isInner: boolean): { text: string; end: string } {
    let text = '';
    while (at < parts.length) {
      const part = parts[at++]!;
      const [, action] = /^\{\{-?\s*(.*?)\s*-?\}\}$/s.exec(part) ?? [];
      if (action === undefined) {
        if (part.includes('{{') || part.includes('}}')) throw new SyntaxError(`not closed: ${part}`);
        text += part;
      } else if (/^(?:else|end)\b/.test(action)) {
        if (!isInner) throw new SyntaxError(`{{ ${action} }} without if`);
        return { text, end: action };
      } else if (action.startsWith('if ')) text += choose(action.slice(3), isShown);
      else if (isShown) text += print(pipeline(action, data));
    }
    if (isInner) throw new SyntaxError('an if without end');
    return { text, end: '' };
  }

  function choose(condition: string, isShown: boolean): string {
    const holds = isShown && isTrue(pipeline(condition, data));
    const then = block(holds, true);
    if (then.end === 'end') return holds ? then.text : '';
    const [, another] = /^else if (.*)$/s.exec(then.end) ?? [];
    if (another !== undefined) {
      const rest = choose(another, isShown && !holds);
      return holds ? then.text : rest;
    }
    const otherwise = block(isShown && !holds, true);
    if (otherwise.end !== 'end') throw new SyntaxError('else twice');
    if (!isShown) return '';
    return holds ? then.text : otherwise.text;
  }

  return block(true, false).text;
}

function pipeline(text: string, data: TemplateData): Value {
  let piped: Value[] = [];
  for (const command of text.split(/\s*\|\s*(?=(?:[^"]*"[^"]*")*[^"]*$)/)) {
    const words = command.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? [];
    const [head = '', ...rest] = words;
    const apply = FUNCTIONS[head];
    const args = [...rest.map((word) => operand(word, data)), ...piped];
    if (apply) piped = [apply(...args)];
    else if (args.length > 0) throw new Error(`not a function: ${head} in ${text}`);
    else piped = [operand(head, data)];
  }
  return piped[0];
}

function operand(word: string, { labels, values }: TemplateData): Value {
  if (word.startsWith('"')) return JSON.parse(word) as string;
  if (/^-?\d/.test(word)) return Number(word);
  const [, label] = /^\$labels\.(\w+)$/.exec(word) ?? [];
  if (label !== undefined) return labels[label];
  const [, refId, property] = /^\$values\.(\w+?)(\.Value)?$/.exec(word) ?? [];
  if (refId === undefined) throw new Error(`not known: ${word}`);
  const value = values[refId];
  if (property === undefined) return value === undefined ? undefined : { Value: value };
  if (value === undefined) throw new Error(`nil data; no entry for key "${refId}"`);
  return value;
}

/** A struct is always true, a number or text unless it is empty. */
const isTrue = (value: Value): boolean => Boolean(value);

function print(value: Value): string {
  if (value === undefined) return NO_VALUE;
  if (typeof value === 'object') return general(value.Value);
  return typeof value === 'number' ? general(value) : String(value);
}

const number = (value: Value): number => {
  if (typeof value !== 'number') throw new Error(`not a number: ${print(value)}`);
  return value;
};

const FUNCTIONS: Record<string, (...args: Value[]) => Value> = {
  externalURL: () => EXTERNAL_URL,
  humanize: (value) => humanize(number(value)),
  humanizeDuration: (value) => humanizeDuration(number(value)),
  humanizePercentage: (value) => `${general(number(value) * 100)}%`,
  // As the values of a form: spaces become +.
  urlquery: (value) => new URLSearchParams({ q: print(value) }).toString().slice(2),
  printf: (format, ...values) => {
    let index = 0;
    return print(format).replaceAll(
      /%(?:\.(\d))?([a-z%])/g,
      (_, digits: string | undefined, verb: string) => {
        if (verb === '%') return '%';
        const value = values[index++];
        if (verb === 'f' && typeof value === 'number') return fixed(value, Number(digits ?? 6));
        if (verb === 's' && typeof value === 'string') return value;
        if (verb === 'v') return print(value);
        return `%!${verb}(${value === undefined ? '<nil>' : print(value)})`;
      },
    );
  },
  not: (value) => !isTrue(value),
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  gt: (a, b) => number(a) > number(b),
  lt: (a, b) => number(a) < number(b),
};

const fixed = (value: number, digits: number): string =>
  Number.isNaN(value) ? 'NaN' : Number.isFinite(value) ? value.toFixed(digits) : value > 0 ? '+Inf' : '-Inf';

/** Four significant digits. */
function general(value: number): string {
  if (!Number.isFinite(value)) return fixed(value, 0);
  return String(Number(value.toPrecision(4)));
}

function humanize(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return general(value);
  const large = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
  const small = ['', 'm', 'u', 'n', 'p', 'f', 'a', 'z', 'y'];
  const prefixes = Math.abs(value) >= 1 ? large : small;
  let shown = value;
  let power = 0;
  while (Math.abs(value) >= 1 && Math.abs(shown) >= 1_000 && power < 8) {
    shown /= 1_000;
    power++;
  }
  while (Math.abs(value) < 1 && Math.abs(shown) < 1 && power < 8) {
    shown *= 1_000;
    power++;
  }
  return `${general(shown)}${prefixes[power]}`;
}

function humanizeDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return general(seconds);
  if (Math.abs(seconds) < 1) return `${general(seconds * 1_000)}ms`;
  const whole = Math.trunc(Math.abs(seconds));
  const sign = seconds < 0 ? '-' : '';
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3_600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'm'],
    [whole % 60, 's'],
  ] as const;
  const first = parts.findIndex(([amount]) => amount > 0);
  return (
    sign +
    parts
      .slice(first)
      .map(([amount, unit]) => `${amount}${unit}`)
      .join(' ')
  );
}
