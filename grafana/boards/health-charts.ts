import { HEALTH } from '../../src/usage/catalogue.ts';
import { BAD, COLOURS, GOOD, NAME_COLOUR, WARNING } from '../colours.ts';
import type { Json, Panel } from '../dashboard.ts';
import { matches, RANGE, select, sum } from '../influxql.ts';
import { bars, lines, named, property, series, timeline, worded, type Unit } from '../panels.ts';
import { text, type Text } from '../text.ts';

/** What happened in each step of time: the charts of the dashboard of the collector's health. */

export type HealthField = keyof typeof HEALTH.fields;

export const JOB_TAGS = ['provider', 'account', 'job'] as const;
export const OF_JOB = JOB_TAGS.map((tag) => matches(tag));
export const STEPS = { step: '$__interval', fill: 'none', zone: '$zone' } as const;
export const NO_POLL = text('no poll', '无轮询');

/** A description with its source at the end. */
export const described = (en: string, chinese: string): Text =>
  text(
    `${en} From llm_collector_health, which every poll writes.`,
    `${chinese}数据来自 llm_collector_health，每次轮询写入一条。`,
  );

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

export function coverage(): Panel {
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
    overrides: NAME_COLOUR,
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

export function ages(): Panel {
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

export function work(): Panel[] {
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

export function backlog(): Panel[] {
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
    overrides: NAME_COLOUR,
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
    overrides: NAME_COLOUR,
    queries: [
      series(worst('lookback_seconds'), text('Look-back: $tag_job', '回看：$tag_job')),
      series(worst('lookback_advice_seconds'), text('Advice: $tag_job', '建议值：$tag_job')),
    ],
  });
}
