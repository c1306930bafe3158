import { USAGE, type Measurement } from '../src/usage/catalogue.ts';
import { DATA_SOURCE, type Json } from './dashboard.ts';
import {
  BUCKET,
  has,
  matches,
  name,
  RANGE,
  select,
  sum,
  type UsageField,
  type UsageTag,
} from './influxql.ts';
import { DATA_SOURCE_UID } from './provisioning.ts';
import { text, type Text } from './text.ts';

export type Variable = Json & { readonly name: string };

export const DATA_SOURCE_VARIABLE: Variable = {
  name: 'datasource',
  type: 'datasource',
  label: text('Data source', '数据源'),
  query: 'influxdb',
  // The provisioned one. Where there is none, Grafana takes the first InfluxDB.
  current: { text: DATA_SOURCE_UID, value: DATA_SOURCE_UID },
  hide: 0,
  includeAll: false,
  multi: false,
  options: [],
  refresh: 1,
  regex: '',
  skipUrlSync: false,
};

/** A choice between fixed values: pairs of value and what people read. */
export function choice(
  variable: string,
  label: Text,
  values: readonly (readonly [value: string, label: string | Text])[],
  selected: string = values[0]![0],
): Variable {
  const options = values.map(([value, shown]) => ({ text: shown, value, selected: value === selected }));
  return {
    name: variable,
    type: 'custom',
    label,
    // Grafana reads the options from this text.
    query: joined(values),
    current: options.find((option) => option.selected)!,
    options,
    hide: 0,
    includeAll: false,
    multi: false,
    skipUrlSync: false,
  };
}

/** `shown : value, ...` in each language. */
function joined(values: readonly (readonly [value: string, label: string | Text])[]): Text {
  const line = (language: 'en' | 'zh-CN'): string =>
    values
      .map(([value, shown]) => {
        const words = typeof shown === 'string' ? shown : shown[language];
        return words === value ? value : `${words} : ${value}`;
      })
      .join(', ');
  return text(line('en'), line('zh-CN'));
}

const LABELS: Partial<Record<string, Text>> = {
  provider: text('Provider', '供应商'),
  account: text('Account', '账号'),
  job: text('Job', '任务'),
  team: text('Team', '团队'),
  project: text('Project', '项目'),
  model: text('Model', '模型'),
  user: text('User', '用户'),
  key: text('Key', 'API Key'),
  model_type: text('Model type', '模型类型'),
  model_source: text('Model source', '模型来源'),
  endpoint: text('Endpoint', '接入点'),
  scene: text('Scene', '场景'),
};

export const labelOf = (tag: string): Text => LABELS[tag] ?? text(tag, tag);

/** The values of a tag, any number of them, All by default; chained to other variables. */
export function tagVariable(from: Measurement, tag: string, chainedTo: readonly string[] = []): Variable {
  const where = chainedTo.map((other) => matches(other)).join(' AND ');
  const query = `SHOW TAG VALUES FROM ${name(from.name)} WITH KEY = ${name(tag)}${where && ` WHERE ${where}`}`;
  return {
    ...queryVariable(tag, query),
    label: labelOf(tag),
    // Matches series without the tag as well.
    allValue: '.*',
  };
}

/**
 * The `count` largest values of a tag in the range, hidden: charts show them by name and the rest as "Other". It has
 * no `allValue`, so that All is the list of these values.
 */
export function topVariable(
  variable: string,
  tag: string,
  { count = '10', field = 'tokens', filters = USAGE_FILTERS } = {},
): Variable {
  const totals = select({
    columns: [sum(field, 't')],
    from: USAGE,
    where: [BUCKET, ...filters, has(tag), RANGE],
    by: [tag],
  });
  const top = select({ columns: [`top("t", ${name(tag)}, ${count})`], from: [totals] });
  // The outer SELECT leaves out the sums, which would become values as well.
  return { ...queryVariable(variable, select({ columns: [name(tag)], from: [top] })), hide: 2 };
}

/** A number of the range, for shares, hidden. A number of an earlier range must not come back from an address. */
export function sumVariable(variable: string, field: UsageField): Variable {
  const query = select({ columns: [sum(field)], from: USAGE, where: [BUCKET, ...USAGE_FILTERS, RANGE] });
  return {
    ...queryVariable(variable, query),
    hide: 2,
    current: {},
    includeAll: false,
    multi: false,
    skipUrlSync: true,
  };
}

function queryVariable(variable: string, query: string): Variable {
  return {
    name: variable,
    type: 'query',
    datasource: DATA_SOURCE,
    query,
    definition: query,
    current: { text: ['All'], value: ['$__all'] },
    options: [],
    refresh: 2,
    sort: 1,
    hide: 0,
    includeAll: true,
    multi: true,
    regex: '',
    skipUrlSync: false,
  };
}

export const BUCKET_VARIABLE = choice('bucket', text('Bucket', '统计粒度'), [
  ['1h', text('hours', '小时')],
  ['1d', text('days', '天')],
]);

const ZONES = [
  'Asia/Shanghai',
  'UTC',
  'Asia/Singapore',
  'Asia/Tokyo',
  'Europe/Berlin',
  'Europe/London',
  'America/New_York',
  'America/Los_Angeles',
];

export function zoneVariable(zone: string): Variable {
  const zones = [...new Set([zone, ...ZONES])];
  return choice(
    'zone',
    text('Days in', '按天时区'),
    zones.map((each) => [each, each] as const),
    zone,
  );
}

/** The tags by which the usage dashboards filter: the same ones everywhere, so that links keep the filter. */
export const FILTER_TAGS = ['provider', 'account', 'team', 'project', 'model', 'user', 'key'] as const;

/** Every tag of a series, for the dashboard that splits by any of them. */
export const ALL_TAGS = USAGE.tagNames
  .filter((tag) => tag !== 'bucket')
  .toSorted((a, b) => position(a) - position(b));

function position(tag: UsageTag): number {
  const at = (FILTER_TAGS as readonly UsageTag[]).indexOf(tag);
  return at < 0 ? FILTER_TAGS.length : at;
}

export const filtersOf = (tags: readonly UsageTag[]): string[] => tags.map((tag) => matches(tag));
export const USAGE_FILTERS = filtersOf(FILTER_TAGS);

/** A variable lists what the choices before it leave. */
const CHAIN: Partial<Record<UsageTag, readonly UsageTag[]>> = {
  provider: [],
  account: ['provider'],
  user: ['provider', 'account', 'team'],
  key: ['provider', 'account', 'project'],
};

export function usageVariables(zone: string, tags: readonly UsageTag[] = FILTER_TAGS): Variable[] {
  return [
    DATA_SOURCE_VARIABLE,
    ...tags.map((tag) => tagVariable(USAGE, tag, CHAIN[tag] ?? ['provider', 'account'])),
    BUCKET_VARIABLE,
    zoneVariable(zone),
  ];
}
