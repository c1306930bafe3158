import { HEALTH, RECONCILIATION } from '../../src/usage/catalogue.ts';
import { BAD, COLOURS, GOOD, WARNING } from '../colours.ts';
import { AGE, dataAge, difference, since } from '../completeness.ts';
import type { Dashboard, Json, Panel } from '../dashboard.ts';
import { matches, RANGE, select, sum } from '../influxql.ts';
import {
  bars,
  grid,
  lines,
  link,
  named,
  NOT_REPORTED,
  property,
  series,
  stat,
  table,
  timeline,
  worded,
  type Column,
  type Step,
  type Unit,
} from '../panels.ts';
import type { Settings } from '../settings.ts';
import { text, type Text } from '../text.ts';
import { DATA_SOURCE_VARIABLE, labelOf, tagVariable, zoneVariable } from '../variables.ts';

type HealthField = keyof typeof HEALTH.fields;

const JOB_TAGS = ['provider', 'account', 'job'] as const;
const OF_JOB = JOB_TAGS.map((tag) => matches(tag));
const STEPS = { step: '$__interval', fill: 'none', zone: '$zone' } as const;
const NO_POLL = text('no poll', '无轮询');
const MEASURED = text('not measured yet', '尚未测得');

/** A description with its source at the end. */
const described = (en: string, chinese: string): Text =>
  text(
    `${en} From llm_collector_health, which every poll writes.`,
    `${chinese}数据来自 llm_collector_health，每次轮询写入一条。`,
  );

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

/**
 * The state of a step is a sum of what happened in it: 1 a failed poll, 2 a backlog, 4 an open gap, 8 gaps that expired
 * since the step before. The largest part names it. `ceil(x / (x + 1))` is 0 for 0 and 1 for any larger count.
 */
const STATES = [
  worded(0, 0, text('complete', '完整'), GOOD),
  worded(1, 1, text('poll failed', '轮询失败'), COLOURS.yellow, 1),
  worded(2, 3, text('history being read', '历史数据采集中'), COLOURS.sky, 2),
  worded(4, 7, text('gap open', '有未补缺口'), WARNING, 3),
  worded(8, 15, text('usage lost', '用量丢失'), BAD, 4),
];

const isAny = (column: string): string => `ceil("${column}" / ("${column}" + 1))`;

function coverage(): Panel {
  const perStep = (columns: readonly string[]): string =>
    select({
      columns,
      from: HEALTH,
      where: [...OF_JOB, RANGE],
      by: JOB_TAGS,
      step: STEPS.step,
      fill: 'none',
    });
  const happened = select({
    columns: [`${isAny('failed')} + 2 * ${isAny('backlog')} + 4 * ${isAny('gaps')} AS "s"`],
    from: [
      perStep([
        sum('polls_failed', 'failed'),
        'max("backlog_buckets") AS "backlog"',
        'max("gaps_open") AS "gaps"',
      ]),
    ],
    by: JOB_TAGS,
  });
  const lost = select({
    columns: [`8 * ${isAny('expired')} AS "s"`],
    from: [perStep(['non_negative_difference(max("gaps_expired")) AS "expired"'])],
    by: JOB_TAGS,
  });
  return timeline({
    id: 21,
    title: text('Coverage', '采集覆盖'),
    description: described(
      'The worst of each step (an hour, or more in a long range): usage lost (gaps expired since the step before), gap open, history being read (closed buckets that were never read), poll failed, complete. A hole: no poll in that step. Steps begin at full hours of UTC.',
      '每个时间步（1 小时，范围较长时更大）内最严重的状态：用量丢失（自上一步以来有缺口失效）、有未补缺口、历史数据采集中（有从未读取过的时间段）、轮询失败、完整。空白表示该时间步内没有轮询。时间步按 UTC 整点对齐。',
    ),
    width: 12,
    height: 9,
    interval: '1h',
    mappings: STATES,
    noValue: NO_POLL,
    queries: [
      series(
        // No fill(none): a step without a poll is to be a hole. No zone: the sub-queries have none.
        select({
          columns: [sum('s', 'state')],
          from: [happened, lost],
          by: JOB_TAGS,
          step: STEPS.step,
        }),
        '$tag_job',
      ),
    ],
  });
}

interface PerJob {
  readonly id: number;
  readonly title: Text;
  readonly description: Text;
  readonly unit: Unit;
  readonly field: HealthField;
  readonly width?: number;
}

/** The worst value of each step, a line for each job. */
function perJob({ field, width = 12, ...options }: PerJob): Panel {
  return lines({
    ...options,
    width,
    height: 9,
    interval: '1h',
    legend: 'max',
    noValue: NO_POLL,
    queries: [series(worst(field), '$tag_job')],
  });
}

const worst = (field: HealthField, by: readonly string[] = JOB_TAGS): string =>
  select({
    columns: [`max("${field}") AS "${field}"`],
    from: HEALTH,
    where: [...OF_JOB, RANGE],
    by,
    ...STEPS,
  });

function ages(): Panel {
  return perJob({
    id: 22,
    title: text('Data age at the polls', '各次轮询时的数据延迟'),
    description: described(
      'Age of the newest closed bucket that was read; the largest of each step. A job that polls no more has no line: the table has its age.',
      '最近一个已读取的完整时间段距轮询时多久，取每个时间步的最大值。不再轮询的任务没有曲线，其延迟见表格。',
    ),
    unit: 's',
    field: 'data_age_seconds',
  });
}

/** Counts of polls, added up over a step. */
function counted(
  id: number,
  title: Text,
  description: Text,
  columns: readonly (readonly [expression: string, label: Text, colour: string])[],
  overrides: readonly Json[] = [],
): Panel {
  return bars({
    id,
    title,
    description,
    width: 12,
    height: 8,
    unit: 'locale',
    interval: '1h',
    noValue: NO_POLL,
    overrides: [
      ...columns.map(([, label, colour], index) => named(`c${index}`, label, colour)),
      ...overrides,
    ],
    queries: [
      series(
        select({
          columns: columns.map(([expression], index) => `${expression} AS "c${index}"`),
          from: HEALTH,
          where: [...OF_JOB, RANGE],
          ...STEPS,
        }),
        '$col',
      ),
    ],
  });
}

function work(): Panel[] {
  const ok = text('ok', '成功');
  const failed = text('failed', '失败');
  return [
    counted(
      30,
      text('Polls by result', '轮询结果'),
      described('Polls that ended, by result.', '已结束的轮询次数，按结果区分。'),
      [
        ['sum("polls_ok")', ok, GOOD],
        ['sum("polls_failed")', failed, BAD],
      ],
    ),
    counted(
      31,
      text('Requests by result', '请求结果'),
      described(
        'Requests to providers: ok; failed, retried ones included; refused: wrong credentials or a missing permission.',
        '对供应商的请求：成功；失败（含之后重试的）；被拒绝（凭证错误或缺少权限）。',
      ),
      [
        ['sum("calls_ok")', ok, GOOD],
        ['sum("calls_failed") - sum("calls_denied")', failed, WARNING],
        ['sum("calls_denied")', text('refused', '被拒绝'), BAD],
      ],
    ),
    counted(
      32,
      text('Points written, and corrected', '写入与修正的点'),
      described(
        'Points that polls stored, and how many of them were revisions: the provider gave a later answer for the same bucket.',
        '轮询写入的点数，以及其中因供应商对同一时间段返回新结果而修正的点数。',
      ),
      [
        ['sum("written_points")', text('written', '写入'), GOOD],
        ['sum("revisions")', text('revisions', '修正'), COLOURS.orange],
      ],
      // Revisions are among the points written: in front of them, not on top.
      [
        {
          matcher: { id: 'byType', options: 'number' },
          properties: [property('custom.stacking', { mode: 'none' })],
        },
      ],
    ),
    counted(
      33,
      text('Rejected, discarded, different', '拒绝、丢弃与不一致'),
      described(
        "Points that the store rejected, rows of answers that were discarded, and windows whose parts differ from the provider's total. None of them is normal.",
        '被存储拒绝的点、被丢弃的返回行，以及分项之和与供应商总数不一致的时间段。正常情况下均应为 0。',
      ),
      [
        ['sum("rejected_points")', text('rejected points', '被拒绝的点'), BAD],
        ['sum("dropped_rows")', text('discarded rows', '被丢弃的行'), WARNING],
        ['sum("mismatches")', text('mismatches', '总数不一致'), COLOURS.purple],
      ],
    ),
  ];
}

function backlog(): Panel[] {
  return [
    perJob({
      id: 40,
      title: text('Open gaps over time', '未补齐缺口的变化'),
      description: described(
        'Missing windows that are retried; the most of each step.',
        '正在重试的缺失时间段数，取每个时间步的最大值。',
      ),
      unit: 'locale',
      field: 'gaps_open',
      width: 8,
    }),
    perJob({
      id: 41,
      title: text('Expired gaps over time', '已失效缺口的变化'),
      description: described(
        "Missing windows beyond the provider's retention. Where a line rises, usage was lost.",
        '已超出供应商数据保留期的缺失时间段数；曲线上升处即有用量丢失。',
      ),
      unit: 'locale',
      field: 'gaps_expired',
      width: 8,
    }),
    perJob({
      id: 42,
      title: text('Backlog', '待采集的时间段'),
      description: described(
        'Closed buckets that were never read, for example history after the first start; the most of each step.',
        '已结束但从未读取过的时间段数，例如首次启动后的历史数据；取每个时间步的最大值。',
      ),
      unit: 'locale',
      field: 'backlog_buckets',
      width: 8,
    }),
    waiting(),
    lateness(),
  ];
}

function waiting(): Panel {
  return lines({
    id: 43,
    title: text('Points that wait', '等待写入的点'),
    description: described(
      'Spool: points of all jobs that wait for the store. Held back, for each job: points that wait for their bucket to be final, on stores that take each point once. The most of each step. While the store is down, no poll writes here.',
      '待写入：所有任务中等待存储恢复的点。暂缓写入（按任务）：对每个点只能写一次的存储，等待时间段定稿的点。取每个时间步的最大值；存储不可用期间没有数据。',
    ),
    width: 12,
    height: 9,
    unit: 'locale',
    interval: '1h',
    legend: 'max',
    noValue: NO_POLL,
    queries: [
      series(worst('spool_points', []), text('Spool', '待写入')),
      series(worst('held_back_points'), text('Held back: $tag_job', '暂缓写入：$tag_job')),
    ],
  });
}

function lateness(): Panel {
  return lines({
    id: 44,
    title: text('Lateness and look-back', '数据迟到与回看'),
    description: described(
      'Look-back: how long closed buckets are re-read. Advice: after which time 99.9 % of the tokens of a bucket had arrived, once enough was measured. If the advice exceeds the look-back, corrections are missed: raise the look-back.',
      '回看：已结束的时间段继续重读多久。建议值：一个时间段 99.9% 的 Token 到齐所需时间，测得足够数据后才有。若建议值大于回看，会漏掉修正，请调大回看。',
    ),
    width: 12,
    height: 9,
    unit: 's',
    interval: '1h',
    legend: 'lastNotNull',
    noValue: NO_POLL,
    queries: [
      series(worst('lookback_seconds'), text('Look-back: $tag_job', '回看：$tag_job')),
      series(worst('lookback_advice_seconds'), text('Advice: $tag_job', '建议值：$tag_job')),
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
