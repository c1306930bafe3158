import { parse } from 'yaml';
import type { Text } from './text.ts';
import { text } from './text.ts';

/** What a user may change: grafana/README.md has the table for people. */

export interface Setting<T extends string | number = string | number> {
  readonly default: T;
  readonly meaning: Text;
}

const setting = <T extends string | number>(value: T, meaning: Text): Setting<Widened<T>> =>
  ({ default: value, meaning }) as unknown as Setting<Widened<T>>;
type Widened<T> = T extends string ? string : number;

export const SETTINGS = {
  zone: setting(
    'Asia/Shanghai',
    text('time zone of days and of the week by hour', '按天统计和“星期×小时”所用的时区'),
  ),
  'grafana.url': setting(
    'http://localhost:3000',
    text('address of Grafana as people open it, for links in alerts', 'Grafana 的访问地址，用于告警中的链接'),
  ),
} satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
export type Settings = { readonly [N in SettingName]: (typeof SETTINGS)[N]['default'] };

export const DEFAULTS = Object.fromEntries(
  Object.entries(SETTINGS).map(([key, { default: value }]) => [key, value]),
) as Settings;

/**
 * The defaults with changes: `pairs` are `name=value`, `file` is YAML with the same names as keys.
 * @throws Error that names the setting and what it takes
 */
export function readSettings(pairs: readonly string[], file = ''): Settings {
  const changes: Record<string, unknown> = {};
  const parsed: unknown = parse(file);
  if (parsed !== null && (typeof parsed !== 'object' || Array.isArray(parsed)))
    throw new Error('the settings file must hold lines such as "spike.ratio: 3"');
  Object.assign(changes, parsed);
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new Error(`--set takes name=value, not ${pair}`);
    changes[pair.slice(0, at)] = pair.slice(at + 1);
  }
  const settings: Record<string, string | number> = { ...DEFAULTS };
  for (const [key, value] of Object.entries(changes)) {
    if (!Object.hasOwn(SETTINGS, key))
      throw new Error(`unknown setting ${key}; there are ${Object.keys(SETTINGS).join(', ')}`);
    settings[key] = typeof settings[key] === 'number' ? amount(key, value) : words(key, value);
  }
  return settings as Settings;
}

function amount(key: string, value: unknown): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number) || number < 0)
    throw new Error(`${key} takes a number from 0, not ${String(value)}`);
  return number;
}

function words(key: string, value: unknown): string {
  // Also keeps quotes out of queries.
  if (typeof value !== 'string' || !/^[\w./:+-]+$/.test(value))
    throw new Error(`${key} takes a text of letters, digits and ./:+-, not ${String(value)}`);
  return value;
}
