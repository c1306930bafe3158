import { parse } from 'yaml';
import type { Text } from './text.ts';
import { text } from './text.ts';

/** What a user may change: docs/alerts/README.md has the table for people. */

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
  'runbooks.url': setting(
    '',
    text(
      'address of a folder with the pages of docs/alerts, instead of the dashboard Runbooks',
      '存放 docs/alerts 各页面的地址，用于替代“处置手册”仪表盘',
    ),
  ),
  paused: setting(
    '',
    text(
      'rules that are not evaluated, by name with commas between, for example `spike-key,spike-user`',
      '不执行的规则，多个名称以逗号分隔，例如 `spike-key,spike-user`',
    ),
  ),
  'baseline.days': setting(
    28,
    text(
      'days with which hours are compared in spikes; fewer where the rules on keys take too long',
      '突增规则所对比的历史天数；按 Key 的规则耗时过长时可调小',
    ),
  ),
  'spike.ratio': setting(
    2,
    text(
      'key or user: tokens of an hour, as a multiple of the 99th percentile of its hours with usage',
      'API Key 或用户：小时用量相对其有用量小时第 99 百分位的倍数',
    ),
  ),
  'spike.floor_tokens': setting(
    500_000,
    text(
      'key or user: no spike below this many tokens in an hour',
      'API Key 或用户：小时用量低于该值不视为突增',
    ),
  ),
  'season.ratio': setting(
    4,
    text(
      'account or model: tokens of an hour, as a multiple of the same hour of the last two weeks',
      '账号或模型：小时用量相对前两周同时段最高值的倍数',
    ),
  ),
  'season.floor_tokens': setting(
    1_000_000,
    text(
      'account or model: no spike below this many tokens in an hour',
      '账号或模型：小时用量低于该值不视为突增',
    ),
  ),
  'ceiling.tokens': setting(
    0,
    text(
      'most tokens of a key in an hour; the rule is off while it is 0',
      'API Key 每小时 Token 上限；为 0 时规则停用',
    ),
  ),
  'new_key.tokens': setting(
    500_000,
    text(
      'tokens in 24 hours from which a new key raises an alert',
      '新 API Key 触发告警的 24 小时 Token 用量',
    ),
  ),
  'new_model.tokens': setting(
    100_000,
    text('tokens in 24 hours from which a new model raises an alert', '新模型触发告警的 24 小时 Token 用量'),
  ),
  'day.ratio': setting(
    2.5,
    text(
      'account: tokens of a day, as a multiple of the median of the last four same weekdays',
      '账号：单日用量相对前四周同一星期日中位数的倍数',
    ),
  ),
  'day.extra_tokens': setting(
    5_000_000,
    text(
      'account: and at least this many tokens above that median',
      '账号：同时须比该中位数至少多出的 Token 数',
    ),
  ),
  'cache.ratio': setting(
    0.5,
    text(
      'model: cached share of the input of 6 hours, as a fraction of its median of 14 days',
      '模型：6 小时输入缓存命中率相对 14 天中位数的比例',
    ),
  ),
  'cache.floor_tokens': setting(
    1_000_000,
    text(
      'model: input tokens in 6 hours below which the share is not judged',
      '模型：6 小时输入低于该值不判断命中率',
    ),
  ),
  'output.ratio': setting(
    3,
    text(
      'key or user: output / input of 3 hours, as a multiple of its 95th percentile of 14 days',
      'API Key 或用户：3 小时输出/输入比相对 14 天第 95 百分位的倍数',
    ),
  ),
  'output.floor_tokens': setting(
    300_000,
    text(
      'key or user: output tokens in 3 hours below which it is not judged',
      'API Key 或用户：3 小时输出低于该值不判断',
    ),
  ),
  'dominance.share': setting(
    0.6,
    text("key: share of its account's tokens in 24 hours", 'API Key：24 小时内占账号用量的比例'),
  ),
  'dominance.share_before': setting(
    0.3,
    text('key: only if its share of the 7 days before was smaller', 'API Key：仅当此前 7 天的占比低于该值'),
  ),
  'dominance.floor_tokens': setting(
    5_000_000,
    text('tokens of the account in 24 hours below which it is not judged', '账号 24 小时用量低于该值不判断'),
  ),
  'stale.hours': setting(
    3,
    text(
      'hours after which data of a job with hourly buckets is stale',
      '按小时统计的任务，数据延迟超过多少小时告警',
    ),
  ),
  'stale.hours_of_days': setting(
    30,
    text(
      'hours after which data of a job with daily buckets is stale',
      '按天统计的任务，数据延迟超过多少小时告警',
    ),
  ),
  'gap.hours': setting(12, text('hours for which a gap may stay open', '数据缺口允许持续的小时数')),
  'spool.minutes': setting(
    30,
    text('minutes for which points may wait for the store', '数据点允许等待写入的分钟数'),
  ),
  'reconciliation.share': setting(
    0.001,
    text("difference to the provider's total, as a share of it", '与供应商总数的差异占总数的比例'),
  ),
  'reconciliation.floor_tokens': setting(
    10_000,
    text('and at least this many tokens', '同时差异须超过的 Token 数'),
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
  if (typeof value !== 'string' || !/^[\w./:+,-]+$/.test(value))
    throw new Error(`${key} takes a text of letters, digits and ./:+,-, not ${String(value)}`);
  return value;
}
