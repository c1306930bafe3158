import { USAGE } from '../../src/usage/catalogue.ts';
import { ALERTS, OPEN_BUCKET } from '../annotations.ts';
import { NAME_COLOUR, PROVIDER_COLOURS } from '../colours.ts';
import type { Dashboard, Panel, Query } from '../dashboard.ts';
import { BUCKET, has, RANGE, select, sum } from '../influxql.ts';
import { bars, grid, lines, link, NOT_REPORTED, percentBars, statWithChange, table } from '../panels.ts';
import type { Settings } from '../settings.ts';
import { text, type Text } from '../text.ts';
import { AUTOMATIC, described, keep, nowAndBefore, topAndOther } from '../usage-queries.ts';
import {
  ALL_TAGS,
  choice,
  filtersOf,
  labelOf,
  topVariable,
  usageVariables,
  type Variable,
} from '../variables.ts';

const GROUP = '${groupby}';
const METRIC = '${metric}';
const CHOICES = ['groupby', 'metric', 'step', 'topn'].map((each) => `\${${each}:queryparam}`).join('&');
const COLOURS = [...NAME_COLOUR, ...PROVIDER_COLOURS];

const FILTERS = filtersOf(ALL_TAGS);
const FILTER = [BUCKET, ...FILTERS];
const METRICS = USAGE.fieldNames;

const METRIC_LABELS: Readonly<Record<(typeof METRICS)[number], Text>> = {
  tokens: text('Tokens', 'Token 总量'),
  input_tokens: text('Input', '输入'),
  output_tokens: text('Output', '输出'),
  total_tokens: text("Provider's total", '供应商总数'),
  cached_input_tokens: text('Cached input', '缓存命中输入'),
  cache_write_tokens: text('Cache writes', '缓存写入'),
  requests: text('Requests', '请求数'),
  images: text('Images', '图片数'),
};

export function explore(settings: Settings): Dashboard {
  return {
    uid: 'tokentide-explore',
    title: text('Token usage: explore', 'Token 用量：探索'),
    description: text(
      'One count, split by one tag: which values of it make up the usage, and when?',
      '选一个指标、按一个标签拆分：用量由哪些值构成，集中在什么时间？',
    ),
    variables: [
      ...choices(),
      ...usageVariables(settings.zone, ALL_TAGS),
      topVariable('top', GROUP, { count: '$topn', field: METRIC, filters: FILTERS }),
    ],
    annotations: [OPEN_BUCKET, ALERTS],
    rows: [
      {
        title: text('${metric:text} by ${groupby:text}', '${metric:text}，按${groupby:text}'),
        panels: [total(), overTime(), values()],
      },
      { title: text('Shares, and added up', '占比与累计'), panels: [shares(), addedUp()], collapsed: true },
    ],
  };
}

function choices(): Variable[] {
  return [
    choice(
      'groupby',
      text('Split by', '拆分维度'),
      ALL_TAGS.map((tag) => [tag, labelOf(tag)] as const),
      'model',
    ),
    choice(
      'metric',
      text('Count', '指标'),
      METRICS.map((field) => [field, METRIC_LABELS[field]] as const),
    ),
    choice(
      'step',
      text('Shortest step', '最小步长'),
      [
        ['1h', text('hour', '小时')],
        ['1d', text('day', '天')],
      ],
      '1h',
    ),
    choice(
      'topn',
      text('Top', '前 N 项'),
      [
        ['5', '5'],
        ['10', '10'],
        ['20', '20'],
      ],
      '10',
    ),
  ];
}

function total(): Panel {
  return statWithChange({
    id: 1,
    title: text('Total', '合计'),
    description: described(
      'The chosen count over the whole filter, and its change against the range of the same length before.',
      '所选指标在当前筛选下的合计，以及与之前同长度时间范围相比的变化。',
    ),
    width: 6,
    height: 12,
    unit: 'short',
    noValue: NOT_REPORTED,
    ...nowAndBefore(`sum("${METRIC}")`, FILTER),
  });
}

function overTime(): Panel {
  return bars({
    id: 2,
    title: text('Over time', '随时间变化'),
    description: described(
      'The largest values of the tag by name; the others, and usage without the tag, together as "Other". A bar starts with the time that it counts, the shortest step or more: a range of more than 200 bars has wider ones. The vertical line marks the bucket that is still open.',
      '用量最大的若干个标签值；其余以及没有该标签的用量合并为“其他”。柱子的左边缘是其统计时段的开始；范围较长（超过 200 根柱子）时柱子会宽于最小步长。竖线标出尚未结束的时间段。',
    ),
    width: 18,
    height: 12,
    unit: 'short',
    interval: '$step',
    queries: split(),
    overrides: COLOURS,
  });
}

function shares(): Panel {
  return percentBars({
    id: 3,
    title: text('Share over time', '占比变化'),
    description: described(
      'The share of each value in each step. A step without usage has no bar.',
      '各标签值在每个时间步中的占比；没有用量的时段不显示柱子。',
    ),
    width: 12,
    height: 9,
    unit: 'short',
    interval: '$step',
    queries: split(),
    overrides: COLOURS,
  });
}

function addedUp(): Panel {
  return lines({
    id: 4,
    title: text('Added up', '累计'),
    description: described(
      'The same values, added up from the start of the range. A line that turns steep is where usage jumped.',
      '同样的标签值，从时间范围起点开始累计。曲线变陡处即用量突增之处。',
    ),
    width: 12,
    height: 9,
    unit: 'short',
    interval: '$step',
    queries: split(`cumulative_sum(sum("${METRIC}")) AS "total"`),
    overrides: COLOURS,
  });
}

function split(column = sum(METRIC, 'total')): Query[] {
  return topAndOther(GROUP, 'top', AUTOMATIC, { column, filter: FILTER });
}

function values(): Panel {
  const tokens = { unit: 'locale', noValue: NOT_REPORTED } as const;
  return grid({
    id: 5,
    title: text('All values', '全部标签值'),
    description: described(
      'One row for each value of the tag, all counts. Usage without the tag is not in it. Click a value to filter by it.',
      '每个标签值一行，列出全部指标；没有该标签的用量不在其中。点击某个值可按其筛选。',
    ),
    width: 24,
    height: 11,
    queries: [
      table(
        select({
          columns: METRICS.map((field) => sum(field)),
          from: USAGE,
          where: [...FILTER, has(GROUP), RANGE],
          by: [GROUP],
        }),
      ),
    ],
    sortBy: 'tokens',
    columns: [
      // The answer has one of them.
      ...ALL_TAGS.map((tag) => ({
        name: tag,
        label: labelOf(tag),
        links: [
          link(
            text('Filter by this value', '按此值筛选'),
            'tokentide-explore',
            `var-${tag}=\${__value.text:percentencode}&${CHOICES}&${keep(tag, ALL_TAGS)}`,
          ),
        ],
      })),
      ...METRICS.map((field) => ({
        name: field,
        label: METRIC_LABELS[field],
        ...tokens,
        ...(field === 'tokens' && { bar: true as const }),
      })),
    ],
  });
}
