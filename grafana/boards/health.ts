import { HEALTH, RECONCILIATION } from '../../src/usage/catalogue.ts';
import { BAD, GOOD, NAME_COLOUR, WARNING } from '../colours.ts';
import { AGE, dataAge, difference, since } from '../completeness.ts';
import type { Dashboard, Panel } from '../dashboard.ts';
import { RANGE, select, sum } from '../influxql.ts';
import {
  grid,
  lines,
  link,
  NOT_REPORTED,
  series,
  stat,
  table,
  worded,
  type Column,
  type Step,
} from '../panels.ts';
import type { Settings } from '../settings.ts';
import { text, type Text } from '../text.ts';
import { DATA_SOURCE_VARIABLE, labelOf, tagVariable, zoneVariable } from '../variables.ts';
import {
  ages,
  backlog,
  coverage,
  described,
  JOB_TAGS,
  NO_POLL,
  OF_JOB,
  STEPS,
  work,
  type HealthField,
} from './health-charts.ts';

const MEASURED = text('not measured yet', '尚未测得');

export function health(settings: Settings): Dashboard {
  return {
    uid: 'tokentide-health',
    title: text('Collector health', '采集器健康'),
    description: text(
      'Is collection complete and current? If not: in which job, since when, and why?',
      '采集是否完整、及时？若不是：哪个任务、从何时起、原因是什么？',
    ),
    variables: [
      DATA_SOURCE_VARIABLE,
      tagVariable(HEALTH, 'provider'),
      tagVariable(HEALTH, 'account', ['provider']),
      tagVariable(HEALTH, 'job', ['provider', 'account']),
      zoneVariable(settings.zone),
    ],
    annotations: [],
    rows: [
      { title: text('Complete and current?', '是否完整、及时'), panels: numbers() },
      { title: text('Jobs', '采集任务'), panels: [jobs(), coverage(), ages()] },
      { title: text('Polls and requests', '轮询与请求'), panels: work(), collapsed: true },
      { title: text('What is missing or waits', '缺失与积压'), panels: backlog(), collapsed: true },
      {
        title: text('Compared with the provider', '与供应商对账'),
        panels: [reconciliations(), differences()],
        collapsed: true,
      },
    ],
  };
}

function numbers(): Panel[] {
  const number = (
    id: number,
    title: Text,
    description: Text,
    query: string,
    steps?: readonly Step[],
    width = 5,
  ): Panel =>
    stat({
      id,
      title,
      description,
      width,
      height: 4,
      unit: 'locale',
      noValue: NO_POLL,
      queries: [table(query)],
      ...(steps && { steps }),
    });
  const added = (field: HealthField): string =>
    select({ columns: [sum(field)], from: HEALTH, where: [...OF_JOB, RANGE] });
  const latest = (field: HealthField): string =>
    select({
      columns: [sum('l', field)],
      from: [
        select({
          columns: [`last("${field}") AS "l"`],
          from: HEALTH,
          where: [...OF_JOB, since(7)],
          by: JOB_TAGS,
        }),
      ],
    });
  const warns = [{ from: 1, color: WARNING }];
  const bad = [{ from: 1, color: BAD }];
  const polled = select({
    columns: [sum('polls_ok', 'p')],
    from: HEALTH,
    where: [...OF_JOB, RANGE],
    by: JOB_TAGS,
  });
  return [
    number(
      1,
      text('Jobs with a poll', '有轮询的任务'),
      described(
        'Jobs that polled in the range, whatever the result. A job that should be in it and is not: the table below.',
        '所选范围内有过轮询（无论成败）的任务数；缺少的任务见下方表格。',
      ),
      select({ columns: ['count("p") AS "jobs"'], from: [polled] }),
      undefined,
      4,
    ),
    dataAge(2, OF_JOB, 5),
    number(
      3,
      text('Failed polls', '失败的轮询'),
      described(
        'Polls of the range that ended with an error. What they missed is read by a later poll; the log has the error.',
        '所选范围内以错误结束的轮询次数；缺失的部分由后续轮询补采，错误详情见日志。',
      ),
      added('polls_failed'),
      warns,
    ),
    number(
      4,
      text('Refused requests', '被拒绝的请求'),
      described(
        'Requests of the range that the provider refused: wrong credentials or a missing permission. They do not go away without a change.',
        '所选范围内被供应商拒绝的请求数：凭证错误或缺少权限，需人工处理，不会自行恢复。',
      ),
      added('calls_denied'),
      bad,
    ),
    difference(5, OF_JOB, 5),
    number(
      6,
      text('Open gaps', '未补齐的缺口'),
      described(
        'Missing windows that are retried, at the last poll of each job within 7 days.',
        '正在重试的缺失时间段数，取 7 天内各任务最近一次轮询。',
      ),
      latest('gaps_open'),
      warns,
    ),
    number(
      7,
      text('Expired gaps', '已失效的缺口'),
      described(
        "Missing windows beyond the provider's retention, which can no longer be read, at the last poll of each job within 7 days. The number never goes down.",
        '已超出供应商数据保留期、无法再补采的缺失时间段数，取 7 天内各任务最近一次轮询；该数值只增不减。',
      ),
      latest('gaps_expired'),
      bad,
    ),
    number(
      8,
      text('Spooled points', '待写入的点'),
      described(
        'Points of all jobs that wait for the store, at the newest poll within 7 days. While the store is down, this number stays what it was.',
        '所有任务中等待写入存储的点数，取 7 天内最新一次轮询；存储不可用期间该数值不更新。',
      ),
      select({
        columns: ['last("spool_points") AS "spool_points"'],
        from: HEALTH,
        where: [...OF_JOB, since(7)],
      }),
      warns,
    ),
    number(
      9,
      text('Rejected points', '被存储拒绝的点'),
      described(
        'Points of the range that the store rejected. They are not stored; the log says why.',
        '所选范围内被存储拒绝的点数；这些点未入库，原因见日志。',
      ),
      added('rejected_points'),
      bad,
    ),
    number(
      10,
      text('Discarded rows', '被丢弃的行'),
      described(
        "Rows of the provider's answers that were discarded because they could not be understood. The log says why.",
        '因无法解析而被丢弃的供应商返回行数，原因见日志。',
      ),
      added('dropped_rows'),
      warns,
      4,
    ),
  ];
}

const RESULT = [worded(0, 0, text('failed', '失败'), BAD), worded(1, 1, text('ok', '成功'), GOOD, 1)];
const WIDTH = [
  worded(3600, 3600, text('hour', '按小时'), 'text'),
  worded(86400, 86400, text('day', '按天'), 'text', 1),
];

function jobs(): Panel {
  const count = (column: HealthField, label: Text, color?: string): Column => ({
    name: column,
    label,
    unit: 'locale',
    noValue: NOT_REPORTED,
    width: 95,
    ...(color !== undefined && { steps: [{ from: 1, color }] }),
  });
  const duration = (column: HealthField, label: Text): Column => ({
    name: column,
    label,
    unit: 's',
    noValue: MEASURED,
    width: 110,
  });
  return grid({
    id: 20,
    title: text('State of each job', '各任务状态'),
    description: described(
      'One row for each job that polled within 7 days before the end of the range: what its last poll left. Data age: that of its newest closed bucket, at the end of the range. Final until: up to there all buckets are final. Look-back: how long closed buckets are re-read; advice: after which time 99.9 % of the tokens had arrived. If the advice exceeds the look-back, raise the look-back. Spooled points are those of all jobs.',
      '范围终点前 7 天内有过轮询的任务各一行，显示其最近一次轮询后的状态。数据延迟：最近一个完整时间段距范围终点多久。定稿至：此前的时间段均已定稿。回看：已结束的时间段继续重读多久；建议值：99.9% 的 Token 到齐所需时间，若建议值大于回看，请调大回看。待写入的点为所有任务合计。',
    ),
    width: 24,
    height: 8,
    queries: [
      table(
        select({
          columns: [
            ...AGE.columns,
            '"polls_ok"',
            '"final_until" * 1000 AS "final_until"',
            '"bucket_seconds"',
            '"backlog_buckets"',
            '"gaps_open"',
            '"gaps_expired"',
            '"spool_points"',
            '"held_back_points"',
            '"lookback_seconds"',
            '"lookback_advice_seconds"',
          ],
          from: HEALTH,
          where: [...OF_JOB, since(7)],
          by: JOB_TAGS,
          tail: 'ORDER BY time DESC LIMIT 1',
        }),
      ),
    ],
    transformations: AGE.transformations,
    hidden: ['age', 'to', 'milliseconds', 'since'],
    sortBy: 'data age',
    columns: [
      {
        name: 'job',
        label: labelOf('job'),
        links: [
          link(
            text('Only this job', '只看该任务'),
            'tokentide-health',
            'var-job=${__value.text:percentencode}',
          ),
        ],
      },
      { name: 'provider', label: labelOf('provider'), width: 125 },
      { name: 'account', label: labelOf('account'), width: 110 },
      {
        name: 'bucket_seconds',
        label: text('Bucket', '粒度'),
        mappings: WIDTH,
        width: 65,
      },
      {
        name: 'Time',
        label: text('Last poll', '最近轮询'),
        unit: 'dateTimeFromNow',
        noValue: NO_POLL,
        width: 125,
      },
      {
        name: 'polls_ok',
        label: text('Result', '结果'),
        mappings: RESULT,
        steps: [],
        width: 75,
      },
      {
        name: 'data age',
        label: text('Data age', '数据延迟'),
        unit: 's',
        decimals: 0,
        mappings: AGE.mappings,
        steps: AGE.steps,
        width: 100,
      },
      {
        name: 'final_until',
        label: text('Final until', '定稿至'),
        unit: 'dateTimeAsIso',
        noValue: NOT_REPORTED,
        width: 165,
      },
      count('backlog_buckets', text('Backlog', '待采集'), undefined),
      count('gaps_open', text('Open gaps', '未补缺口'), WARNING),
      count('gaps_expired', text('Expired', '失效缺口'), BAD),
      count('spool_points', text('Spooled', '待写入'), WARNING),
      count('held_back_points', text('Held back', '暂缓写入')),
      duration('lookback_seconds', text('Look-back', '回看')),
      duration('lookback_advice_seconds', text('Advice', '回看建议值')),
    ],
  });
}

const RECONCILED = text(
  'From llm_token_reconciliation, written by tokentide reconcile.',
  '数据来自 llm_token_reconciliation，由 tokentide reconcile 写入。',
);

function reconciliations(): Panel {
  const tokens = (column: string, label: Text): Column => ({
    name: column,
    label,
    unit: 'locale',
    noValue: NOT_REPORTED,
    width: 160,
  });
  return grid({
    id: 50,
    title: text('Last reconciliation of each job', '各任务最近一次对账'),
    description: text(
      `Stored tokens against the provider's own total of the same time, at the last reconciliation of each job within 40 days before the end of the range. Difference: stored - provider; negative: tokens are missing. ${RECONCILED.en}`,
      `取范围终点前 40 天内各任务最近一次对账，比较同一时间段内入库 Token 与供应商总数。差异 = 入库 − 供应商，负数表示有缺失。${RECONCILED['zh-CN']}`,
    ),
    width: 24,
    height: 8,
    queries: [
      table(
        select({
          columns: [
            '"provider_tokens"',
            '"stored_tokens"',
            '"difference"',
            '"difference" / "provider_tokens" AS "share"',
            '"from" * 1000 AS "start"',
            '"to" * 1000 AS "end"',
          ],
          from: RECONCILIATION,
          where: [...OF_JOB, since(40)],
          by: JOB_TAGS,
          tail: 'ORDER BY time DESC LIMIT 1',
        }),
      ),
    ],
    hidden: [],
    columns: [
      { name: 'job', label: labelOf('job') },
      { name: 'provider', label: labelOf('provider'), width: 140 },
      { name: 'account', label: labelOf('account'), width: 140 },
      tokens('provider_tokens', text('Provider tokens', '供应商 Token 总数')),
      tokens('stored_tokens', text('Stored tokens', '入库 Token')),
      {
        ...tokens('difference', text('Difference', '对账差异')),
        steps: [
          { from: Number.MIN_SAFE_INTEGER, color: BAD },
          { from: 0, color: GOOD },
          { from: 1, color: WARNING },
        ],
      },
      {
        name: 'share',
        label: text('Share', '差异占比'),
        unit: 'percentunit',
        decimals: 3,
        noValue: NOT_REPORTED,
        width: 110,
      },
      {
        name: 'start',
        label: text('From', '开始'),
        unit: 'dateTimeAsIso',
        noValue: NOT_REPORTED,
        width: 165,
      },
      { name: 'end', label: text('To', '结束'), unit: 'dateTimeAsIso', noValue: NOT_REPORTED, width: 165 },
      {
        name: 'Time',
        label: text('When', '对账时间'),
        unit: 'dateTimeFromNow',
        noValue: NOT_REPORTED,
        width: 130,
      },
    ],
  });
}

function differences(): Panel {
  return lines({
    id: 51,
    title: text('Difference over time', '对账差异变化'),
    description: text(
      `Stored tokens - the provider's total, at each reconciliation; 0 is right. ${RECONCILED.en}`,
      `每次对账时入库 Token − 供应商总数，0 为正确。${RECONCILED['zh-CN']}`,
    ),
    width: 24,
    height: 8,
    unit: 'locale',
    interval: '1h',
    signed: true,
    overrides: NAME_COLOUR,
    noValue: text('not reconciled', '未对账'),
    queries: [
      series(
        select({
          columns: ['last("difference") AS "difference"'],
          from: RECONCILIATION,
          where: [...OF_JOB, RANGE],
          by: JOB_TAGS,
          ...STEPS,
        }),
        '$tag_job',
      ),
    ],
  });
}
