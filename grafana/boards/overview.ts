import { USAGE } from '../../src/usage/catalogue.ts';
import { ALERTS, OPEN_BUCKET } from '../annotations.ts';
import { NAME_COLOUR, PROVIDER_COLOURS } from '../colours.ts';
import { dataAge, difference } from '../completeness.ts';
import type { Dashboard, Panel, Query } from '../dashboard.ts';
import { has, matches, name, RANGE, select, sum, type UsageField, type UsageTag } from '../influxql.ts';
import {
  bars,
  grid,
  lines,
  link,
  NO_DATA,
  NOT_REPORTED,
  ranking,
  series,
  stat,
  statWithChange,
  table,
  type Column,
} from '../panels.ts';
import type { Settings } from '../settings.ts';
import { text, type Text } from '../text.ts';
import {
  AUTOMATIC,
  cachedShare,
  DAYS,
  described,
  distinct,
  FILTER,
  keep,
  largest,
  nowAndBefore,
  topAndOther,
  type Steps,
} from '../usage-queries.ts';
import { labelOf, topVariable, usageVariables } from '../variables.ts';

const OF_ACCOUNT = [matches('provider'), matches('account')];

export function overview(settings: Settings): Dashboard {
  return {
    uid: 'tokentide-overview',
    title: text('Token usage: overview', 'Token 用量：总览'),
    description: text(
      'How many tokens did we use, on what, and is it more than before? Are the numbers complete?',
      '用了多少 Token、用在哪里、比之前多还是少？数据是否完整？',
    ),
    variables: [...usageVariables(settings.zone), topVariable('top_model', 'model')],
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
      { title: text('Models and accounts', '模型与账号'), panels: [modelTable(), accountTable()] },
      { title: text('Month', '当月'), panels: month(), collapsed: true },
      { title: text('Per day', '按天'), panels: perDay(), collapsed: true },
    ],
  };
}

function numbers(): Panel[] {
  const counted = (
    id: number,
    field: UsageField,
    title: Text,
    description: Text,
    noValue = NOT_REPORTED,
  ): Panel =>
    statWithChange({
      id,
      title,
      description,
      noValue,
      width: 6,
      height: 4,
      unit: 'short',
      ...nowAndBefore(`sum(${name(field)})`),
    });
  return [
    counted(
      1,
      'tokens',
      text('Tokens', 'Token 总量'),
      described(
        "Input and output together; the provider's own total where it reports one. Change: against the range of the same length before.",
        '输入与输出之和；供应商给出总数时以其为准。环比：与之前同长度的时间范围相比。',
      ),
      NO_DATA,
    ),
    counted(
      2,
      'input_tokens',
      text('Input', '输入'),
      described(
        'Input tokens, those read from a cache included. Accounts that report only totals are not in it.',
        '输入 Token，包含命中缓存的部分；只提供总数的账号不计入。',
      ),
    ),
    counted(
      3,
      'output_tokens',
      text('Output', '输出'),
      described(
        'Output tokens. Accounts that report only totals are not in it.',
        '输出 Token；只提供总数的账号不计入。',
      ),
    ),
    statWithChange({
      id: 4,
      title: text('Cached share of input', '输入缓存命中率'),
      description: described(
        'Input read from a cache / input, of the accounts that report cached input.',
        '命中缓存的输入 / 全部输入，仅统计提供缓存数据的账号。',
      ),
      width: 6,
      height: 4,
      unit: 'percentunit',
      decimals: 1,
      noValue: NOT_REPORTED,
      ...cachedShare(),
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
      ...distinct('key'),
    }),
    dataAge(7, OF_ACCOUNT, 6),
    difference(8, OF_ACCOUNT, 6),
  ];
}

function charts(): Panel[] {
  const describe = (en: string, chinese: string): Text =>
    described(
      `${en} A bar starts at the hour or day that it counts; the vertical line marks the bucket that is still open.`,
      `${chinese}柱子的左边缘是其统计时段的开始；竖线标出尚未结束的时间段。`,
    );
  return [
    bars({
      id: 10,
      title: text('Tokens by provider', '各供应商 Token 用量'),
      description: describe('Tokens of each provider.', '各供应商的 Token 用量。'),
      width: 12,
      height: 9,
      unit: 'short',
      interval: '$bucket',
      queries: [tokensBy('provider', AUTOMATIC)],
      overrides: PROVIDER_COLOURS,
      links: [
        link(
          text('Explore this provider', '查看该供应商'),
          'tokentide-explore',
          `var-provider=\${__field.labels.provider:percentencode}&${keep('provider')}`,
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
      queries: topAndOther('model', 'top_model', AUTOMATIC),
      overrides: NAME_COLOUR,
      links: [
        link(
          text('Explore this model', '查看该模型'),
          'tokentide-explore',
          `var-model=\${__field.labels.model:percentencode}&${keep('model')}`,
        ),
      ],
    }),
  ];
}

function tokensBy(tag: UsageTag, steps: Steps): Query {
  return series(
    select({ columns: [sum('tokens')], from: USAGE, where: [...FILTER, RANGE], by: [tag], ...steps }),
    `$tag_${tag}`,
  );
}

function rankings(): Panel[] {
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
      query: largest(tag, 10),
      links: [
        link(
          text('Details', '查看明细'),
          'tokentide-members',
          `var-${tag}=\${__data.fields.${tag}:percentencode}&${keep(tag)}`,
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

const countColumn = (name: string, label: Text): Column => ({
  name,
  label,
  unit: 'locale',
  noValue: NOT_REPORTED,
});
const TOKENS: Column = { ...countColumn('tokens', text('Tokens', 'Token 总量')), bar: true };

function modelTable(): Panel {
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
            `var-model=\${__value.text:percentencode}&${keep('model')}`,
          ),
        ],
      },
      TOKENS,
      countColumn('input', text('Input', '输入')),
      countColumn('output', text('Output', '输出')),
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
      countColumn('requests', text('Requests', '请求数')),
    ],
  });
}

/** Hours and days of an account are separate rows: they are never added up. */
function accountTable(): Panel {
  return grid({
    id: 31,
    title: text('Accounts, hours and days', '账号（按小时与按天）'),
    description: text(
      'One row for each account and width of bucket, whatever "Bucket" is set to; hours and days of one account are the same usage twice and are never added up. An account without a row for hours is seen with "Bucket" set to days. From llm_token_usage, the buckets that start in the range.',
      '每个账号、每种统计粒度一行，不受“统计粒度”变量影响；同一账号的小时数据与按天数据是同一份用量，从不相加。只有按天数据的账号，请把“统计粒度”切换为“天”。数据来自 llm_token_usage，统计在所选时间范围内开始的时间段。',
    ),
    width: 24,
    height: 7,
    queries: [
      table(
        select({
          columns: [
            sum('tokens'),
            sum('input_tokens', 'input'),
            sum('output_tokens', 'output'),
            sum('requests'),
          ],
          from: USAGE,
          where: [...OF_ACCOUNT, RANGE],
          by: ['provider', 'account', 'bucket'],
        }),
      ),
    ],
    sortBy: 'tokens',
    columns: [
      { name: 'provider', label: labelOf('provider'), width: 150 },
      { name: 'account', label: labelOf('account') },
      { name: 'bucket', label: text('Bucket', '统计粒度'), width: 110 },
      TOKENS,
      countColumn('input', text('Input', '输入')),
      countColumn('output', text('Output', '输出')),
      countColumn('requests', text('Requests', '请求数')),
    ],
  });
}

/** The month in which the range ends. A range of Grafana's own for a panel would only work with relative ranges. */
const MONTH = "time >= '${__to:date:YYYY-MM}-01' AND time <= ${__to}ms";

function month(): Panel[] {
  const sentence = (en: string, chinese: string): Text =>
    text(
      `${en} From the first of the month in which the range ends, in the zone chosen above, to the end of the range. From llm_token_usage.`,
      `${chinese}从时间范围终点所在月份的 1 日（上方所选时区）到范围终点。数据来自 llm_token_usage。`,
    );
  return [
    stat({
      id: 40,
      title: text('Month to date', '当月累计'),
      description: sentence(
        'Tokens of the month, however short the range is.',
        '当月 Token 用量，与时间范围的长短无关。',
      ),
      width: 6,
      height: 8,
      unit: 'short',
      noValue: NO_DATA,
      queries: [
        table(select({ columns: [sum('tokens')], from: USAGE, where: [...FILTER, MONTH], zone: '$zone' })),
      ],
    }),
    lines({
      id: 41,
      title: text('Month to date, day by day', '当月逐日累计'),
      description: sentence(
        'Tokens of each provider, added up day by day. Days before the range are counted but not drawn.',
        '各供应商的 Token 用量，按天累计；范围之前的日期计入但不绘制。',
      ),
      width: 18,
      height: 8,
      unit: 'short',
      interval: '1d',
      queries: [
        series(
          select({
            columns: ['cumulative_sum(sum("tokens")) AS "tokens"'],
            from: USAGE,
            where: [...FILTER, MONTH],
            by: ['provider'],
            ...DAYS,
          }),
          '$tag_provider',
        ),
      ],
      overrides: PROVIDER_COLOURS,
    }),
  ];
}

function perDay(): Panel[] {
  const note = text(
    'Days of the zone chosen above. The first and the last day are partial unless the range begins and ends at midnight.',
    '按上方所选时区的自然日统计。若时间范围不是从零点开始和结束，首尾两天不完整。',
  );
  return [
    bars({
      id: 50,
      title: text('Tokens per day by provider', '各供应商每日 Token 用量'),
      description: described(
        `Tokens of each provider. ${note.en}`,
        `各供应商的 Token 用量。${note['zh-CN']}`,
      ),
      width: 12,
      height: 9,
      unit: 'short',
      interval: '1d',
      queries: [tokensBy('provider', DAYS)],
      overrides: PROVIDER_COLOURS,
    }),
    bars({
      id: 51,
      title: text('Tokens per day by model', '各模型每日 Token 用量'),
      description: described(
        `The ten largest models; the others together as "Other". ${note.en}`,
        `用量最大的十个模型，其余合并为“其他”。${note['zh-CN']}`,
      ),
      width: 12,
      height: 9,
      unit: 'short',
      interval: '1d',
      queries: topAndOther('model', 'top_model', DAYS),
      overrides: NAME_COLOUR,
    }),
  ];
}
