import { HEALTH, RECONCILIATION } from '../src/usage/catalogue.ts';
import { BAD, GOOD, NEUTRAL, WARNING } from './colours.ts';
import type { Panel } from './dashboard.ts';
import { select, sum } from './influxql.ts';
import { byName, calculate, property, stat, table, thresholds, worded } from './panels.ts';
import { text } from './text.ts';

/** Numbers that say whether the usage on a dashboard is complete. They look back from the end of its range. */

export const since = (days: number): string => `time > \${__to}ms - ${days}d AND time <= \${__to}ms`;

/** Columns and calculations that give `data age`, in seconds. */
export const AGE = {
  // The end of the range as a column, because InfluxQL has no arithmetic on the time of a point. Absent with the age.
  columns: ['"data_age_seconds" AS "age"', '0 * "data_age_seconds" + ${__to} AS "to"'],
  transformations: [
    calculate('to', '-', 'Time', 'milliseconds'),
    calculate('milliseconds', '/', '1000', 'since'),
    calculate('since', '+', 'age', 'data age'),
  ],
  // Grafana calculates with an absent number as 0, which is far below 0 here.
  mappings: [worded(-1e12, -1, text('not known', '未知'), NEUTRAL)],
  steps: [
    { from: 3 * 3600, color: WARNING },
    { from: 30 * 3600, color: BAD },
  ],
};

/** Also the age of a collector that writes no more: its age at the last poll + the time since that poll. */
export function dataAge(id: number, where: readonly string[], width: number): Panel {
  return stat({
    id,
    title: text('Data age', '数据延迟'),
    description: text(
      'Age of the newest closed bucket that was read, of the job that is furthest behind: the age at its last poll and the time since that poll. A job with daily buckets is up to 30 hours behind. From llm_collector_health.',
      '延迟最大的采集任务中，最近一个已读取的完整时间段距今多久：最近一次轮询时的延迟加上此后经过的时间。按天采集的任务延迟可达 30 小时。数据来自 llm_collector_health。',
    ),
    width,
    height: 4,
    unit: 's',
    decimals: 0,
    noValue: text('no poll in 7 days', '7 天内无轮询'),
    queries: [
      table(
        select({
          columns: AGE.columns,
          from: HEALTH,
          where: [...where, since(7)],
          by: ['job'],
          tail: 'ORDER BY time DESC LIMIT 1',
        }),
      ),
    ],
    transformations: AGE.transformations,
    mappings: AGE.mappings,
    fields: '/^data age$/',
    calc: 'max',
    steps: AGE.steps,
  });
}

/** Two numbers, because what is missing in one job and too much in another must not cancel out. */
export function difference(id: number, where: readonly string[], width: number): Panel {
  const last = select({
    columns: ['last("difference") AS "d"'],
    from: RECONCILIATION,
    where: [...where, since(40)],
    by: ['provider', 'account', 'job'],
  });
  const part = (as: string, condition: string): string =>
    select({ columns: [sum('d', as)], from: [last], where: [condition] });
  return stat({
    id,
    title: text('Difference to the provider', '与供应商对账差异'),
    description: text(
      "Tokens that the store lacks, and that it has too many, against the provider's own total: added up over the last reconciliation of each job within 40 days. 0 is right. From llm_token_reconciliation, written by tokentide reconcile.",
      '与供应商总数相比，存储中缺少和多出的 Token：取各任务 40 天内最近一次对账分别求和，0 为正确。数据来自 llm_token_reconciliation（由 tokentide reconcile 写入）。',
    ),
    width,
    height: 4,
    unit: 'locale',
    noValue: text('not reconciled', '未对账'),
    queries: [table(part('missing', '"d" <= 0')), table(part('extra', '"d" >= 0'))],
    transformations: [
      { id: 'reduce', options: { mode: 'reduceFields', reducers: ['lastNotNull'], includeTimeField: false } },
      { id: 'concatenate', options: { frameNameMode: 'drop' } },
      { id: 'organize', options: { excludeByName: { Time: true } } },
    ],
    fields: '/.*/',
    overrides: [
      byName(
        'missing',
        property('displayName', text('missing', '缺少')),
        property('color', { mode: 'thresholds' }),
        property('thresholds', thresholds([{ from: 0, color: GOOD }], BAD)),
      ),
      byName(
        'extra',
        property('displayName', text('too many', '多出')),
        property('color', { mode: 'thresholds' }),
        property('thresholds', thresholds([{ from: 1, color: WARNING }])),
      ),
    ],
  });
}
