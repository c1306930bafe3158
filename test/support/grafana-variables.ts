import type { Board, VariableJson } from './grafana.ts';

/*
 * How Grafana puts variables into an InfluxQL query, as far as our dashboards use it.
 * In the browser: names and formats by https://github.com/grafana/scenes/blob/main/packages/scenes/src/variables/interpolation/sceneInterpolator.ts
 * and formatRegistry.ts beside it, values of All by variants/MultiValueVariable.ts.
 * In the server, after that: https://github.com/grafana/grafana/blob/main/pkg/tsdb/influxdb/models/query.go
 */

/** `$name` or `${name}`, with a format after a colon. */
export const REFERENCE = /\$(\w+)|\$\{(\w+)(?:\.([^:}]+))?(?::([^}]+))?\}/g;

/** Replaced by Grafana in queries, without a variable of the dashboard. */
export const BUILT_IN = ['__from', '__to', '__interval', 'timeFilter'];

/** The name that the reference has; the groups are those of `REFERENCE`. */
export const nameIn = ([, plain, braced]: readonly (string | undefined)[]): string => (plain ?? braced)!;

/** What is chosen: one value, several, or the text that stands for All. */
export type Choice = string | readonly string[] | { readonly all: string };

export interface View {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  /** `$__interval`. */
  readonly interval: string;
  readonly choices: Readonly<Record<string, Choice>>;
}

/** Of a browser in Shanghai, milliseconds. */
const BROWSER_OFFSET = 8 * 3_600_000;

/** @throws Error for a variable that does not exist, or one that is written in a form that fails for some values */
export function interpolate(query: string, { from, to, interval, choices }: View): string {
  const times: Record<string, string> = { __from: String(from), __to: String(to), __interval: interval };
  return query
    .replaceAll(REFERENCE, (match, plain: string, braced: string, _field, format: string | undefined) => {
      const name = plain ?? braced;
      if (name === 'timeFilter') return match;
      if (Object.hasOwn(times, name))
        return format === undefined ? times[name]! : date(Number(times[name]), format);
      if (!Object.hasOwn(choices, name)) throw new Error(`no variable ${name} in ${query}`);
      return formatted(name, choices[name]!, format);
    })
    .replaceAll('$timeFilter', `time >= ${from}ms and time <= ${to}ms`);
}

/** In the zone of the browser. */
function date(time: number, format: string): string {
  const [day] = new Date(time + BROWSER_OFFSET).toISOString().split('T');
  const shown: Record<string, string> = { 'date:YYYY-MM': day!.slice(0, 7), 'date:YYYY-MM-DD': day! };
  if (!Object.hasOwn(shown, format)) throw new Error(`a format that the tests do not know: ${format}`);
  return shown[format]!;
}

function formatted(name: string, choice: Choice, format: string | undefined): string {
  if (typeof choice === 'string' && format === undefined) return choice;
  if (format !== 'regex') throw new Error(`\${${name}:${format}} may have several values: use :regex`);
  if (typeof choice === 'string') return escapeRegex(choice);
  if ('all' in choice) return choice.all;
  return choice.length === 1 ? escapeRegex(choice[0]!) : `(${choice.map(escapeRegex).join('|')})`;
}

/** https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/text/string.ts */
export function escapeRegex(value: string): string {
  return value.replaceAll(/[\\^$*+?.()|[\]{}/]/g, String.raw`\$&`);
}

/** The dashboard as it opens. `optionsOf` asks the data source for the values of a variable without `allValue`. */
export async function openingChoices(
  board: Board,
  optionsOf: (variable: VariableJson, choices: Record<string, Choice>) => Promise<readonly string[]>,
  chosen: Readonly<Record<string, Choice>> = {},
): Promise<Record<string, Choice>> {
  const choices: Record<string, Choice> = {};
  const waiting: VariableJson[] = [];
  for (const variable of board.templating.list) {
    const { name, type, allValue, current } = variable;
    if (Object.hasOwn(chosen, name)) choices[name] = chosen[name]!;
    else if (type === 'custom') choices[name] = current.value as string;
    else if (allValue !== undefined) choices[name] = { all: allValue };
    else if (type === 'query') waiting.push(variable);
  }
  // Those that list values come last: their queries use the others.
  for (const variable of waiting) {
    const options = await optionsOf(variable, choices);
    choices[variable.name] = variable.multi ? options : (options[0] ?? '');
  }
  return choices;
}
