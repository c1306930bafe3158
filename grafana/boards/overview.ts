import { HEALTH, RECONCILIATION, USAGE } from '../../src/usage/catalogue.ts';
import { ALERTS, OPEN_BUCKET } from '../annotations.ts';
import { BAD, MODEL_COLOURS, OTHER, PROVIDER_COLOURS, WARNING } from '../colours.ts';
import type { Dashboard } from '../dashboard.ts';
import {
  BUCKET,
  has,
  matches,
  name,
  PREVIOUS_RANGE,
  RANGE,
  select,
  sum,
  type UsageField,
} from '../influxql.ts';
import {
  bars,
  calculate,
  grid,
  link,
  NO_DATA,
  NOT_REPORTED,
  ranking,
  series,
  stat,
  statWithChange,
  table,
  type Unit,
} from '../panels.ts';
import type { Settings } from '../settings.ts';
import { text, type Text } from '../text.ts';
import { topVariable, USAGE_FILTERS, usageVariables } from '../variables.ts';

const FILTER = [BUCKET, ...USAGE_FILTERS];
const OF_ACCOUNT = [matches('provider'), matches('account')];
const SOURCE = text(
  'From llm_token_usage: buckets that start in the range; the open one still grows.',
  '数据来自 llm_token_usage：统计在所选时间范围内开始的时间段；当前未结束的时间段仍在增长。',
);

/** The sentence about the source at the end of a description. */
const described = (en: string, chinese: string): Text =>
  text(`${en} ${SOURCE.en}`, `${chinese}${SOURCE['zh-CN']}`);

export function overview(settings: Settings): Dashboard {
  return {
    uid: 'tokentide-overview',
    title: text('Token usage: overview', 'Token 用量：总览'),
    description: text(
      'How many tokens did we use, on what, and is it more than before? Are the numbers complete?',
      '用了多少 Token、用在哪里、比之前多还是少？数据是否完整？',
    ),
    variables: [...usageVariables(settings.zone), topVariable('top_model', 'model', '10', USAGE_FILTERS)],
    annotations: [OPEN_BUCKET, ALERTS],
    rows: [
      {
        title: text(
          'In the range, and the change against the range before',
          '所选范围合计，以及与上一个同长度范围相比的变化',
        ),
        panels: numbers(),
      },
      { title: text('Over time', '随时间变化'), panels: charts() },
      { title: text('Who and what', '谁在用、用了什么'), panels: rankings() },
      { title: text('Models', '模型'), panels: [modelTable()] },
      { title: text('Per day', '按天'), panels: perDay(), collapsed: true },
    ],
  };
}

function numbers(): Dashboard['rows'][number]['panels'] {
  const counted = (
    id: number,
    field: UsageField,
    title: Text,
    description: Text,
    unit: Unit = 'short',
    noValue: Text = NOT_REPORTED,
  ): ReturnType<typeof statWithChange> =>
    statWithChange({
      id,
      title,
      description,
      width: 6,
      height: 4,
      unit,
      noValue,
      now: select({ columns: [sum(field, 'now')], from: USAGE, where: [...FILTER, RANGE] }),
      before: select({ columns: [sum(field, 'before')], from: USAGE, where: [...FILTER, PREVIOUS_RANGE] }),
    });
  const share = (range: string, as: string): string =>
    select({
      columns: [`sum("cached_input_tokens") / sum("input_tokens") AS ${name(as)}`],
      from: USAGE,
      where: [...FILTER, range],
    });
  return [
    counted(
      1,
      'tokens',
      text('Tokens', 'Token 总量'),
      described(
        'Input and output together: the total of the provider where it reports one. Change: against the range of the same length before.',
        '输入与输出之和；供应商给出总数时以其为准。环比：与之前同长度的时间范围相比。',
      ),
      'short',
      NO_DATA,
    ),
    counted(
      2,
      'input_tokens',
      text('Input', '输入'),
      described('Input tokens, those read from a cache included.', '输入 Token，包含命中缓存的部分。'),
    ),
    counted(3, 'output_tokens', text('Output', '输出'), described('Output tokens.', '输出 Token。')),
    statWithChange({
      id: 4,
      title: text('Cached share of input', '输入缓存命中率'),
      description: described(
        'Input read from a cache / all input. Accounts that report no cached tokens lower the share; filter them out.',
        '命中缓存的输入 / 全部输入。不提供缓存数据的账号会拉低该比例，可用筛选排除。',
      ),
      width: 6,
      height: 4,
      unit: 'percentunit',
      decimals: 1,
      noValue: NOT_REPORTED,
      now: share(RANGE, 'now'),
      before: share(PREVIOUS_RANGE, 'before'),
    }),
    counted(
      5,
      'requests',
      text('Requests', '请求数'),
      described(
        'Requests, of the providers that report them. Usage interfaces do not say how many failed.',
        '请求次数，仅统计提供该数据的供应商。用量接口不提供失败次数。',
      ),
    ),
    statWithChange({
      id: 6,
      title: text('Active keys', '活跃 API Key'),
      description: described(
        'Keys with usage in the range. Providers that report no keys are not counted.',
        '所选范围内有用量的 API Key 数量；不提供 Key 的供应商不计入。',
      ),
      width: 6,
      height: 4,
      unit: 'locale',
      noValue: NOT_REPORTED,
      now: distinct('key', RANGE, 'now'),
      before: distinct('key', PREVIOUS_RANGE, 'before'),
    }),
    dataAge(),
    difference(),
  ];
}

function distinct(tag: string, range: string, as: string): string {
  const each = select({
    columns: [sum('tokens', 't')],
    from: USAGE,
    where: [...FILTER, has(tag), range],
    by: [tag],
  });
  return select({ columns: [`count("t") AS ${name(as)}`], from: [each] });
}

/** The age at the end of the range, also of a collector that writes no more: age at its last poll + time since then. */
function dataAge(): ReturnType<typeof stat> {
  return stat({
    id: 7,
    title: text('Data age', '数据延迟'),
    description: text(
      'Age of the newest closed bucket that was read, of the job that is furthest behind: its age at the last poll plus the time since that poll. From llm_collector_health.',
      '延迟最大的采集任务中，最近一个已读取的完整时间段距今多久：上次轮询时的延迟加上此后经过的时间。数据来自 llm_collector_health。',
    ),
    width: 6,
    height: 4,
    unit: 's',
    decimals: 0,
    noValue: text('no poll in 7 days', '7 天内无轮询'),
    queries: [
      table(
        select({
          columns: ['"data_age_seconds" AS "age"', '0 * "polls_ok" + ${__to} AS "to"'],
          from: HEALTH,
          where: [...OF_ACCOUNT, 'time > ${__to}ms - 7d AND time <= ${__to}ms'],
          by: ['job'],
          tail: 'ORDER BY time DESC LIMIT 1',
        }),
      ),
    ],
    transformations: [
      calculate('to', '-', 'Time', 'milliseconds'),
      calculate('milliseconds', '/', '1000', 'since'),
      calculate('since', '+', 'age', 'data age'),
    ],
    fields: '/^data age$/',
    calc: 'max',
    steps: [
      { from: 3 * 3600, color: WARNING },
      { from: 30 * 3600, color: BAD },
    ],
  });
}

function difference(): ReturnType<typeof stat> {
  const last = select({
    columns: ['last("difference") AS "difference"'],
    from: RECONCILIATION,
    where: [...OF_ACCOUNT, 'time > ${__to}ms - 40d AND time <= ${__to}ms'],
    by: ['provider', 'account', 'job'],
  });
  return stat({
    id: 8,
    title: text('Difference to the provider', '与供应商对账差异'),
    description: text(
      "Stored tokens - the provider's own total, added up over the last reconciliation of each job within 40 days. 0 is right. From llm_token_reconciliation, written by tokentide reconcile.",
      '入库 Token − 供应商总数，为各任务 40 天内最近一次对账之和，0 为正确。数据来自 llm_token_reconciliation（由 tokentide reconcile 写入）。',
    ),
    width: 6,
    height: 4,
    unit: 'locale',
    noValue: text('not reconciled', '未对账'),
    queries: [table(select({ columns: [sum('difference')], from: [last] }))],
    steps: [],
  });
}

function charts(): Dashboard['rows'][number]['panels'] {
  const step = { step: '$__interval', fill: 'none', zone: '$zone' } as const;
  const note = text(
    'Bars begin at the hour or day they count; the line marks the bucket that is still open.',
    '每根柱子从其统计的小时或日期开始；竖线标出尚未结束的时间段。',
  );
  const describe = (en: string, chinese: string): Text =>
    described(`${en} ${note.en}`, `${chinese}${note['zh-CN']}`);
  return [
    bars({
      id: 10,
      title: text('Tokens by provider', '各供应商 Token 用量'),
      description: describe('Tokens of each provider.', '各供应商的 Token 用量。'),
      width: 12,
      height: 9,
      unit: 'short',
      interval: '$bucket',
      queries: [
        series(
          select({
            columns: [sum('tokens')],
            from: USAGE,
            where: [...FILTER, RANGE],
            by: ['provider'],
            ...step,
          }),
          '$tag_provider',
        ),
      ],
      overrides: PROVIDER_COLOURS,
      links: [
        link(
          text('Only this provider', '只看该供应商'),
          'tokentide-explore',
          'var-provider=${__field.labels.provider:percentencode}',
        ),
      ],
    }),
    bars({
      id: 11,
      title: text('Tokens by model', '各模型 Token 用量'),
      description: describe(
        'The ten models with the most tokens in the range; the others, and usage without a model, together as "Other".',
        '所选范围内用量最大的十个模型；其余模型以及没有模型信息的用量合并为“其他”。',
      ),
      width: 12,
      height: 9,
      unit: 'short',
      interval: '$bucket',
      queries: topAndOther('model', 'top_model', FILTER, step),
      overrides: MODEL_COLOURS,
      links: [
        link(
          text('Only this model', '只看该模型'),
          'tokentide-explore',
          'var-model=${__field.labels.model:percentencode}',
        ),
      ],
    }),
  ];
}

/** The values of a top variable by name, and the rest as one series: together every token of the filter. */
export function topAndOther(
  tag: string,
  variable: string,
  where: readonly string[],
  options: { readonly step: string; readonly fill: 'none'; readonly zone?: string },
  column = sum('tokens'),
): ReturnType<typeof series>[] {
  const chosen = matches(tag, variable);
  const rest = `(${name(tag)} !~ /^\${${variable}:regex}$/ OR ${name(tag)} = '')`;
  return [
    series(
      select({
        columns: [column],
        from: USAGE,
        where: [...where, chosen, has(tag), RANGE],
        by: [tag],
        ...options,
      }),
      `$tag_${tag}`,
    ),
    series(select({ columns: [column], from: USAGE, where: [...where, rest, RANGE], ...options }), OTHER),
  ];
}

function rankings(): Dashboard['rows'][number]['panels'] {
  const top = (id: number, tag: 'user' | 'key' | 'team', title: Text, description: Text) =>
    ranking({
      id,
      title,
      description,
      width: 8,
      height: 9,
      unit: 'short',
      value: 'tokens',
      noValue: NOT_REPORTED,
      query: select({
        columns: [`top("t", ${name(tag)}, 10) AS "tokens"`],
        from: [
          select({
            columns: [sum('tokens', 't')],
            from: USAGE,
            where: [...FILTER, has(tag), RANGE],
            by: [tag],
          }),
        ],
      }),
      links: [
        link(
          text('Details', '查看明细'),
          'tokentide-members',
          `var-${tag}=\${__data.fields.${tag}:percentencode}&\${provider:queryparam}&\${account:queryparam}`,
        ),
      ],
    });
  return [
    top(
      20,
      'user',
      text('Top users', '用量最高的用户'),
      described(
        'The ten users with the most tokens. Usage without a user is not in it.',
        '用量最高的十个用户；没有用户信息的用量不计入。',
      ),
    ),
    top(
      21,
      'key',
      text('Top keys', '用量最高的 API Key'),
      described(
        'The ten API keys with the most tokens. Usage without a key is not in it.',
        '用量最高的十个 API Key；没有 Key 信息的用量不计入。',
      ),
    ),
    top(
      22,
      'team',
      text('Top teams', '用量最高的团队'),
      described(
        "The ten teams with the most tokens; teams come from the job's teams file.",
        '用量最高的十个团队；团队信息来自采集任务的 teams 文件。',
      ),
    ),
  ];
}

function modelTable(): ReturnType<typeof grid> {
  return grid({
    id: 30,
    title: text('Models', '模型'),
    description: described(
      'One row for each model. Output / input shows loops; the cached share shows what a cache saves. Empty where the provider does not report a field.',
      '每个模型一行。输出/输入比可用于发现循环调用，缓存命中率体现缓存节省的量。供应商未提供的字段显示为“未提供”。',
    ),
    width: 24,
    height: 9,
    queries: [
      table(
        select({
          columns: [
            sum('tokens'),
            sum('input_tokens', 'input'),
            sum('output_tokens', 'output'),
            'sum("cached_input_tokens") / sum("input_tokens") AS "cached_share"',
            'sum("output_tokens") / sum("input_tokens") AS "output_input"',
            sum('requests'),
          ],
          from: USAGE,
          where: [...FILTER, has('model'), RANGE],
          by: ['provider', 'model'],
        }),
      ),
    ],
    sortBy: 'tokens',
    columns: [
      { name: 'provider', label: text('Provider', '供应商'), width: 150 },
      {
        name: 'model',
        label: text('Model', '模型'),
        links: [
          link(
            text('Explore this model', '查看该模型'),
            'tokentide-explore',
            'var-model=${__value.text:percentencode}',
          ),
        ],
      },
      {
        name: 'tokens',
        label: text('Tokens', 'Token 总量'),
        unit: 'locale',
        noValue: NOT_REPORTED,
        bar: true,
      },
      { name: 'input', label: text('Input', '输入'), unit: 'locale', noValue: NOT_REPORTED },
      { name: 'output', label: text('Output', '输出'), unit: 'locale', noValue: NOT_REPORTED },
      {
        name: 'cached_share',
        label: text('Cached share', '缓存命中率'),
        unit: 'percentunit',
        decimals: 1,
        noValue: NOT_REPORTED,
      },
      {
        name: 'output_input',
        label: text('Output / input', '输出/输入'),
        unit: 'percentunit',
        decimals: 1,
        noValue: NOT_REPORTED,
      },
      { name: 'requests', label: text('Requests', '请求数'), unit: 'locale', noValue: NOT_REPORTED },
    ],
  });
}

function perDay(): Dashboard['rows'][number]['panels'] {
  return [
    bars({
      id: 40,
      title: text('Tokens per day by provider', '各供应商每日 Token 用量'),
      description: described(
        'Days of the chosen zone. The first and the last day of the range are partial unless the range begins and ends at midnight.',
        '按所选时区的自然日统计。若范围不是从零点开始和结束，首尾两天不完整。',
      ),
      width: 24,
      height: 9,
      unit: 'short',
      interval: '1d',
      queries: [
        series(
          select({
            columns: [sum('tokens')],
            from: USAGE,
            where: [...FILTER, RANGE],
            by: ['provider'],
            step: '1d',
            fill: 'none',
            zone: '$zone',
          }),
          '$tag_provider',
        ),
      ],
      overrides: PROVIDER_COLOURS,
    }),
  ];
}
