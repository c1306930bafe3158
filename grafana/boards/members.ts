import { USAGE } from '../../src/usage/catalogue.ts';
import { ALERTS, OPEN_BUCKET } from '../annotations.ts';
import { NAME_COLOUR } from '../colours.ts';
import type { Dashboard, Json, Panel, Query } from '../dashboard.ts';
import { has, name, PREVIOUS_RANGE, RANGE, select, sum, type UsageTag } from '../influxql.ts';
import {
  bars,
  calculate,
  grid,
  joined,
  link,
  NO_DATA,
  NOT_REPORTED,
  ranking,
  stat,
  statWithChange,
  table,
  weekByHour,
  type Column,
} from '../panels.ts';
import type { Settings } from '../settings.ts';
import { text, type Text } from '../text.ts';
import {
  AUTOMATIC,
  described,
  distinct,
  FILTER,
  inBothRanges,
  keep,
  largest,
  topAndOther,
  totalsOf,
} from '../usage-queries.ts';
import { labelOf, sumVariable, topVariable, USAGE_FILTERS, usageVariables } from '../variables.ts';

type Member = 'user' | 'key';

/** What a member's row names besides the member. */
const OTHER_TAGS: Readonly<Record<Member, readonly UsageTag[]>> = {
  user: ['team', 'provider', 'account'],
  key: ['project', 'provider', 'account'],
};

/** The range and the 90 days before it: who was not seen in those 90 days is new. */
const SEEN_FROM = 'time >= ${__from}ms - 90d';
const UNTIL_NOW = 'time <= ${__to}ms';
const UNTIL_RANGE = 'time < ${__from}ms';
const BOTH_RANGES = 'time >= ${__from}ms - (${__to}ms - ${__from}ms) AND time <= ${__to}ms';
const USED = '"tokens" > 0';

export function members(settings: Settings): Dashboard {
  return {
    uid: 'tokentide-members',
    title: text('Token usage: members and keys', 'Token 用量：成员与 API Key'),
    description: text(
      'Which users and keys use how much, who uses more than before, when, and who is new?',
      '哪些用户和 API Key 用了多少？谁比之前用得多？集中在什么时间？有哪些新面孔？',
    ),
    variables: [
      ...usageVariables(settings.zone),
      topVariable('top_user', 'user'),
      topVariable('top_key', 'key'),
      sumVariable('range_tokens', 'tokens'),
    ],
    annotations: [OPEN_BUCKET, ALERTS],
    rows: [
      {
        title: text(
          'In the range, and the change against the range before',
          '所选范围合计，以及与上一个同长度范围相比的变化',
        ),
        panels: numbers(),
      },
      {
        title: text('Users and keys', '用户与 API Key'),
        panels: [leaderboard(10, 'user'), leaderboard(11, 'key')],
      },
      {
        title: text('Over time', '随时间变化'),
        panels: [overTime(20, 'user'), overTime(21, 'key')],
        collapsed: true,
      },
      {
        title: text('When, and with which models', '使用时段与模型'),
        panels: [week(settings.zone), models()],
        collapsed: true,
      },
      {
        title: text('First and last seen', '首次与最近使用'),
        panels: [seen(40, 'user'), seen(41, 'key')],
        collapsed: true,
      },
    ],
  };
}

function numbers(): Panel[] {
  const size = { width: 6, height: 4 } as const;
  return [
    statWithChange({
      ...size,
      id: 1,
      title: text('Active users', '活跃用户'),
      description: described(
        'Users with tokens in the range. Usage without a user is not counted.',
        '所选范围内有用量的用户数；没有用户信息的用量不计入。',
      ),
      unit: 'locale',
      noValue: NOT_REPORTED,
      ...distinct('user'),
    }),
    statWithChange({
      ...size,
      id: 2,
      title: text('Tokens per active user', '人均 Token 用量'),
      description: described(
        'Tokens of all users / active users. Usage without a user is not in it.',
        '所有用户的 Token 总量 / 活跃用户数；没有用户信息的用量不计入。',
      ),
      unit: 'short',
      noValue: NOT_REPORTED,
      ...inBothRanges(perUser),
    }),
    stat({
      ...size,
      id: 3,
      title: text('New users', '新增用户'),
      description: described(
        'Users with tokens in the range and none in the 90 days before it. Where stored usage begins in the range, all are new.',
        '所选范围内有用量、且此前 90 天内没有用量的用户数。若数据从所选范围内才开始，则全部计为新增。',
      ),
      unit: 'locale',
      noValue: NOT_REPORTED,
      queries: [table(newMembers('user'))],
    }),
    statWithChange({
      ...size,
      id: 4,
      title: text('Active keys', '活跃 API Key'),
      description: described(
        'Keys with tokens in the range. Usage without a key is not counted.',
        '所选范围内有用量的 API Key 数；没有 Key 信息的用量不计入。',
      ),
      unit: 'locale',
      noValue: NOT_REPORTED,
      ...distinct('key'),
    }),
  ];
}

const perUser = (range: string, as: string): string =>
  select({ columns: [`mean("t") AS ${name(as)}`], from: [totalsOf('user', range)], where: ['"t" > 0'] });

/** Those seen until the end of the range - those seen before it, which are among them. */
function newMembers(tag: Member): string {
  const count = (column: string, until: string): string =>
    select({ columns: [`${column} AS "n"`], from: [totalsOf(tag, USED, SEEN_FROM, until)] });
  return select({
    columns: [sum('n', 'new')],
    from: [count('count("t")', UNTIL_NOW), count('-1 * count("t")', UNTIL_RANGE)],
  });
}

const COUNTS = [
  ['tokens', 'tokens'],
  ['input', 'input_tokens'],
  ['output', 'output_tokens'],
  ['requests', 'requests'],
] as const;

const NEW: Json = {
  type: 'special',
  options: { match: 'nan', result: { text: text('new', '新增'), index: 0 } },
};

function leaderboard(id: number, tag: Member): Panel {
  const tags = [tag, ...OTHER_TAGS[tag]];
  const filter = [...FILTER, has(tag)];
  const query = (columns: readonly string[], ...where: string[]): Query =>
    table(select({ columns, from: USAGE, where: [...filter, ...where], by: tags }));
  const latest = (column: string): string => `${column} (lastNotNull)`;
  const amount = (column: string, label: Text): Column => ({
    name: latest(column),
    label,
    unit: 'locale',
    noValue: NOT_REPORTED,
    width: 130,
  });
  return grid({
    id,
    title: tag === 'user' ? text('Users', '用户排行') : text('Keys', 'API Key 排行'),
    description:
      tag === 'user'
        ? described(
            'One row for each user of an account with usage in the range or in the range before. Share: of all tokens that the filter leaves, those without a user included. Change: against the range of the same length before; "new" where that has no usage.',
            '每个账号下的每个用户一行，含本期或上期有用量的用户。占比：占当前筛选下全部 Token（含没有用户信息的用量）的比例。环比：与之前同长度的时间范围相比，上期无用量则显示“新增”。',
          )
        : described(
            'One row for each API key (its id) with usage in the range or in the range before. Share: of all tokens that the filter leaves, those without a key included. Change: against the range of the same length before; "new" where that has no usage.',
            '每个 API Key（ID）一行，含本期或上期有用量的 Key。占比：占当前筛选下全部 Token（含没有 Key 信息的用量）的比例。环比：与之前同长度的时间范围相比，上期无用量则显示“新增”。',
          ),
    width: 24,
    height: 11,
    // Three queries, joined here: sub-queries by member are slow with thousands of them.
    queries: [
      query(
        [
          ...COUNTS.map(([as, field]) => sum(field, as)),
          // The 0 keeps it a number where the range has no usage and the variable no value.
          'sum("tokens") / 0${range_tokens} AS "share"',
        ],
        RANGE,
      ),
      query([sum('tokens', 'before')], PREVIOUS_RANGE),
      query(['last("tokens") AS "last"'], USED, BOTH_RANGES),
    ],
    transformations: [
      ...joined(tags, {
        ...Object.fromEntries(
          [...COUNTS.map(([as]) => as), 'share', 'before'].map((column) => [column, ['lastNotNull']]),
        ),
        // That of the sums is the start of their range.
        Time: ['max'],
      }),
      // Not 1: without usage before, both are no number.
      calculate(latest('before'), '/', latest('before'), 'one'),
      calculate(latest('tokens'), '/', latest('before'), 'ratio'),
      calculate('ratio', '-', 'one', 'change'),
    ],
    hidden: [latest('before'), 'one', 'ratio'],
    sortBy: latest('tokens'),
    columns: [
      { name: tag, label: labelOf(tag), links: linksOf(tag) },
      ...OTHER_TAGS[tag].map((each) => ({ name: each, label: labelOf(each), width: 130 })),
      { ...amount('tokens', text('Tokens', 'Token 总量')), bar: true, width: 220 },
      {
        name: latest('share'),
        label: text('Share', '占比'),
        unit: 'percentunit',
        decimals: 1,
        noValue: NOT_REPORTED,
        width: 80,
      },
      {
        name: 'change',
        label: text('Change', '环比'),
        unit: 'percentunit',
        decimals: 0,
        mappings: [NEW],
        width: 90,
      },
      amount('input', text('Input', '输入')),
      amount('output', text('Output', '输出')),
      { ...amount('requests', text('Requests', '请求数')), width: 100 },
      {
        name: 'Time (max)',
        label: text('Last seen', '最近使用'),
        unit: 'dateTimeFromNow',
        noValue: NO_DATA,
        width: 140,
      },
    ],
  });
}

function linksOf(tag: Member): ReturnType<typeof link>[] {
  const chosen = `var-${tag}=\${__value.text:percentencode}&${keep(tag)}`;
  return [
    link(text('Split by model', '按模型拆分'), 'tokentide-explore', `${chosen}&var-groupby=model`),
    link(text('Filter by this value', '按此值筛选'), 'tokentide-members', chosen),
  ];
}

function overTime(id: number, tag: Member): Panel {
  return bars({
    id,
    title:
      tag === 'user'
        ? text('Tokens by user', '各用户 Token 用量')
        : text('Tokens by key', '各 API Key Token 用量'),
    description:
      tag === 'user'
        ? described(
            'The ten users with the most tokens in the range; the others, and usage without a user, together as "Other". A bar starts at the hour or day that it counts.',
            '所选范围内用量最大的十个用户；其余用户以及没有用户信息的用量合并为“其他”。柱子的左边缘是其统计时段的开始。',
          )
        : described(
            'The ten keys with the most tokens in the range; the others, and usage without a key, together as "Other". A bar starts at the hour or day that it counts.',
            '所选范围内用量最大的十个 API Key；其余 Key 以及没有 Key 信息的用量合并为“其他”。柱子的左边缘是其统计时段的开始。',
          ),
    width: 12,
    height: 10,
    unit: 'short',
    interval: '$bucket',
    queries: topAndOther(tag, `top_${tag}`, AUTOMATIC),
    overrides: NAME_COLOUR,
    links: [
      link(
        text('Split by model', '按模型拆分'),
        'tokentide-explore',
        `var-${tag}=\${__field.labels.${tag}:percentencode}&${keep(tag)}&var-groupby=model`,
      ),
    ],
  });
}

function week(zone: string): Panel {
  return weekByHour({
    id: 30,
    title: text(`Week by hour (${zone})`, `星期 × 小时（${zone}）`),
    description: described(
      'Tokens of the range by weekday and hour of the day, of what the filter leaves: choose a user or a key above to see when it is used. Use at night or on rest days that was never there before may be a leaked key. Of hourly buckets only. An empty cell: no usage. Grafana 9.5 takes the time zone of the browser instead.',
      '当前筛选下、所选范围内的 Token 按星期与小时汇总；可在上方选择用户或 API Key 查看其使用时段。夜间或休息日突然出现用量，可能意味着 Key 泄露。仅统计按小时采集的数据；空白单元格表示无用量。Grafana 9.5 使用浏览器时区。',
    ),
    width: 24,
    height: 9,
    unit: 'short',
    zone,
    query: select({
      columns: [sum('tokens')],
      from: USAGE,
      where: [`"bucket" = '1h'`, ...USAGE_FILTERS, RANGE],
      step: '1h',
      fill: 'none',
    }),
  });
}

function models(): Panel {
  return ranking({
    id: 31,
    title: text('Models of the chosen members', '所选成员使用的模型'),
    description: described(
      'The twelve models with the most tokens, of the users and keys that the filter leaves. Usage without a model is not in it.',
      '当前筛选的用户与 API Key 用量最大的十二个模型；没有模型信息的用量不计入。',
    ),
    width: 24,
    height: 9,
    unit: 'short',
    value: 'tokens',
    noValue: NO_DATA,
    query: largest('model', 12),
    links: [
      link(
        text('Details', '查看明细'),
        'tokentide-explore',
        `var-model=\${__data.fields.model:percentencode}&${keep('model')}`,
      ),
    ],
  });
}

function seen(id: number, tag: Member): Panel {
  const tags = [tag, 'provider', 'account'];
  const one = (selector: 'first' | 'last'): ReturnType<typeof table> =>
    table(
      select({
        columns: [`${selector}("tokens") AS "tokens"`],
        from: USAGE,
        where: [...FILTER, has(tag), USED, SEEN_FROM, UNTIL_NOW],
        by: tags,
      }),
    );
  return grid({
    id,
    title:
      tag === 'user'
        ? text('Users, newest first', '用户（最新在前）')
        : text('Keys, newest first', 'API Key（最新在前）'),
    description:
      tag === 'user'
        ? text(
            'First and last bucket in which a user has tokens, in the range and the 90 days before it. A first use at the very start of that time may not be the first. From llm_token_usage.',
            '在所选范围及此前 90 天内，用户首个与最后一个有用量的时间段；若首次使用恰在该区间起点，则之前可能已有用量。数据来自 llm_token_usage。',
          )
        : text(
            'First and last bucket in which a key has tokens, in the range and the 90 days before it. A first use at the very start of that time may not be the first. From llm_token_usage.',
            '在所选范围及此前 90 天内，API Key 首个与最后一个有用量的时间段；若首次使用恰在该区间起点，则之前可能已有用量。数据来自 llm_token_usage。',
          ),
    width: 12,
    height: 10,
    queries: [one('first'), one('last')],
    transformations: joined(tags, { Time: ['min', 'max'] }),
    hidden: [],
    sortBy: 'Time (min)',
    columns: [
      { name: tag, label: labelOf(tag), links: linksOf(tag) },
      { name: 'provider', label: labelOf('provider'), width: 130 },
      { name: 'account', label: labelOf('account'), width: 130 },
      {
        name: 'Time (min)',
        label: text('First seen', '首次使用'),
        unit: 'dateTimeAsIso',
        noValue: NO_DATA,
        width: 165,
      },
      {
        name: 'Time (max)',
        label: text('Last seen', '最近使用'),
        unit: 'dateTimeFromNow',
        noValue: NO_DATA,
        width: 130,
      },
    ],
  });
}
