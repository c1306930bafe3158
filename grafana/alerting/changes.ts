import { USAGE } from '../../src/usage/catalogue.ts';
import { name, select, type UsageField, type UsageTag } from '../influxql.ts';
import type { Settings } from '../settings.ts';
import { text } from '../text.ts';
import { PANELS } from './panels.ts';
import {
  hours,
  ofPast,
  OF_ACCOUNTS,
  OF_CALLERS,
  OF_KEYS,
  OF_MODELS,
  pastSum,
  reduce,
  steps,
  sumOf,
  usage,
} from './queries.ts';
import { fixed, larger, type Rule } from './rule.ts';
import {
  ACCOUNT,
  amount,
  board,
  boardOfAny,
  decimal,
  exact,
  ifLabel,
  label,
  see,
  share,
  withName,
} from './words.ts';

/**
 * What is new or has shifted within hours and days. A comparison with what is not a number is not false in Grafana, it
 * fires: conditions that make sure of the numbers are in front.
 */

const DAY = 24;
const REMEMBERED = 90 * DAY;

export function changes(settings: Settings): readonly Rule[] {
  return [
    newSeries(settings, 'key'),
    newSeries(settings, 'model'),
    dayAgainstWeekdays(settings),
    cacheShare(settings),
    outputRatio(settings),
    dominance(settings),
  ];
}

function newSeries(settings: Settings, tag: 'key' | 'model'): Rule {
  const dimension = tag === 'key' ? OF_KEYS : OF_MODELS;
  const what = tag === 'key' ? text('Key', 'API Key') : text('Model', '模型');
  return {
    name: `new-${tag}`,
    title:
      tag === 'key' ? text('New API key uses a lot', '新 API Key 用量较大') : text('New model', '出现新模型'),
    severity: tag === 'key' ? 'page' : 'notice',
    kind: 'new',
    panel: tag === 'key' ? PANELS.keys : PANELS.models,
    queries: {
      NOW: usage(dimension, hours(DAY), sumOf('tokens')),
      PAST: pastSum(dimension, hours(DAY), hours(REMEMBERED, DAY)),
      // 0 for a young account, whose first days would call everything new.
      ESTABLISHED: pastSum(OF_ACCOUNTS, hours(DAY), hours(REMEMBERED, 7 * DAY)),
    },
    math: { LIMIT: fixed(settings[`new_${tag}.tokens`]) },
    fires: '$NOW > $LIMIT && $PAST == 0 && $ESTABLISHED > 0',
    summary: withName(
      tag === 'key'
        ? text('An API key that was never used before uses a lot', '首次使用的 API Key 用量较大')
        : text('A model is used for the first time', '首次使用某个模型'),
      tag,
    ),
    fired: text(
      `${what.en} ${label(tag)} of ${ACCOUNT} used ${amount()} tokens (${exact()}) in 24 hours, and none in the 90 days before. Limit: ${amount('LIMIT')}.`,
      `${ACCOUNT} 的${what['zh-CN']} ${label(tag)} 24 小时内使用 ${amount()} Token（${exact()}），此前 90 天没有用量。阈值：${amount('LIMIT')}。`,
    ),
    look: [
      see('Who uses it:', '由谁使用：', board('members', ['provider', 'account', tag], { from: 'now-2d' })),
      see(
        'Its hours:',
        '按小时查看：',
        board('explore', ['provider', 'account', tag], {
          from: 'now-2d',
          ...(tag === 'key' && { also: 'groupby=model' }),
        }),
      ),
    ],
    holds: true,
  };
}

/** Hours and days of an account are two series: together they would count twice. */
const DAYS_BY: readonly UsageTag[] = ['provider', 'account', 'bucket'];
const HOURS_AND_DAYS = '"bucket" =~ /^1[hd]$/';
const FIVE_WEEKS = 35 * DAY;

const daysOf = (column: string, range: string): string =>
  select({ columns: [`${column} AS "x"`], from: USAGE, where: [HOURS_AND_DAYS, range], by: DAYS_BY });

/** A day of the zone, counted back from today. Backwards, because a change of the clock shifts the first day read. */
function day(zone: string, daysAgo: number): string {
  const days = select({
    columns: [`${sumOf('tokens')} AS "x"`],
    from: USAGE,
    where: [HOURS_AND_DAYS, hours(FIVE_WEEKS)],
    by: DAYS_BY,
    step: '1d',
    fill: 0,
    zone,
  });
  return select({
    columns: [name('x')],
    from: [days],
    by: DAYS_BY,
    tail: `ORDER BY time DESC LIMIT 1 OFFSET ${daysAgo}`,
  });
}

function dayAgainstWeekdays({ zone, 'day.ratio': ratio, 'day.extra_tokens': extra }: Settings): Rule {
  return {
    name: 'day',
    title: text('Day above its weekday', '单日用量高于往常'),
    severity: 'notice',
    kind: 'change',
    panel: PANELS.days,
    queries: {
      NOW: day(zone, 1),
      USUAL: select({
        columns: ['median("x") AS "x"'],
        from: [8, 15, 22, 29].map((daysAgo) => day(zone, daysAgo)),
        by: DAYS_BY,
        tail: 'ORDER BY time DESC',
      }),
      // 0 without four weeks of history.
      ESTABLISHED: reduce(
        'max("x")',
        DAYS_BY,
        daysOf(`0 * ${sumOf('tokens')}`, hours(FIVE_WEEKS)),
        daysOf(sumOf('tokens'), hours(FIVE_WEEKS, 28 * DAY)),
      ),
    },
    math: { LIMIT: larger(`$USUAL * ${ratio}`, `$USUAL + ${extra}`) },
    fires: '$NOW > $LIMIT && $ESTABLISHED > 0',
    summary: withName(
      text('An account used far more yesterday than on this weekday', '账号昨日用量远高于往常同一星期日'),
      'account',
    ),
    fired: text(
      `${ACCOUNT} used ${amount()} tokens (${exact()}) yesterday (${zone}). Usual: ${amount('USUAL')}, the median of the last four same weekdays. Limit: ${amount('LIMIT')}.`,
      `${ACCOUNT} 昨日（${zone}）使用 ${amount()} Token（${exact()}）。通常：${amount('USUAL')}（前四周同一星期日的中位数）。阈值：${amount('LIMIT')}。`,
    ),
    look: [
      see(
        'Who used more:',
        '谁的用量增加：',
        board('members', ['provider', 'account', 'bucket'], { from: 'now-2d' }),
      ),
      see(
        'On which models:',
        '用了哪些模型：',
        board('overview', ['provider', 'account', 'bucket'], { from: 'now-30d' }),
      ),
    ],
  };
}

/** The factor makes it a float: in a sub-query, integer / integer has no fraction. */
const ratioOf = (part: UsageField, whole: UsageField): string => `1.0 * ${sumOf(part)} / ${sumOf(whole)}`;

function cacheShare(settings: Settings): Rule {
  const ratio = ratioOf('cached_input_tokens', 'input_tokens');
  // Only the input of points that report cached tokens.
  const reported = '"cached_input_tokens" >= 0';
  const recent = hours(7, 1);
  return {
    name: 'cache-share',
    title: text('Cached share has fallen', '缓存命中率下降'),
    severity: 'notice',
    kind: 'change',
    panel: PANELS.modelTable,
    queries: {
      NOW: usage(OF_MODELS, recent, ratio, reported),
      USUAL: ofPast(
        OF_MODELS,
        recent,
        reduce('median("x")', OF_MODELS.by, steps(OF_MODELS, hours(14 * DAY + 7, 7), '6h', ratio, reported)),
      ),
      INPUT: usage(OF_MODELS, recent, sumOf('input_tokens'), reported),
    },
    math: { LIMIT: `$USUAL * ${settings['cache.ratio']}` },
    fires: `$INPUT > ${settings['cache.floor_tokens']} && $NOW < $LIMIT`,
    summary: withName(
      text('Far less input than usual is read from a cache', '输入缓存命中率远低于往常'),
      'model',
    ),
    fired: text(
      `Model ${label('model')} of ${ACCOUNT}: ${share()} of ${amount('INPUT')} input tokens in 6 hours came from a cache. Usual: ${share('USUAL')}. Limit: ${share('LIMIT')}.`,
      `${ACCOUNT} 的模型 ${label('model')}：6 小时内 ${amount('INPUT')} 输入 Token 的缓存命中率为 ${share()}。通常：${share('USUAL')}。阈值：${share('LIMIT')}。`,
    ),
    look: [
      see(
        'Who calls the model:',
        '谁在调用该模型：',
        board('members', ['provider', 'account', 'model'], { from: 'now-2d' }),
      ),
      see(
        'Cached input by hour and key:',
        '按小时和 API Key 查看命中缓存的输入：',
        board('explore', ['provider', 'account', 'model'], {
          also: 'metric=cached_input_tokens&var-groupby=key',
        }),
      ),
    ],
    holds: true,
  };
}

function outputRatio(settings: Settings): Rule {
  const ratio = ratioOf('output_tokens', 'input_tokens');
  const measurable = '"input_tokens" > 0';
  const recent = hours(3);
  const tags = ['provider', 'account', 'user', 'key'];
  return {
    name: 'output-ratio',
    title: text('Output per input has jumped', '输出/输入比突增'),
    severity: 'notice',
    kind: 'change',
    panel: PANELS.modelTable,
    queries: {
      NOW: usage(OF_CALLERS, recent, ratio, measurable),
      USUAL: ofPast(
        OF_CALLERS,
        recent,
        reduce(
          'percentile("x", 95)',
          OF_CALLERS.by,
          steps(OF_CALLERS, hours(14 * DAY + 3, 3), '3h', ratio, measurable),
        ),
      ),
      OUTPUT: usage(OF_CALLERS, recent, sumOf('output_tokens')),
    },
    math: { LIMIT: `$USUAL * ${settings['output.ratio']}` },
    fires: `$OUTPUT > ${settings['output.floor_tokens']} && $USUAL > 0 && $NOW > $LIMIT`,
    summary: withName(text('Far more output per input than usual', '输出/输入比远高于往常'), 'account'),
    fired: text(
      `${ACCOUNT}${ifLabel('user', `, user ${label('user')}`)}${ifLabel('key', `, key ${label('key')}`)}${ifLabel('endpoint', `, endpoint ${label('endpoint')}`)}: ${decimal()} output tokens per input token in 3 hours, ${amount('OUTPUT')} output tokens together. Usual: at most ${decimal('USUAL')}. Limit: ${decimal('LIMIT')}.`,
      `${ACCOUNT}${ifLabel('user', `，用户 ${label('user')}`)}${ifLabel('key', `，API Key ${label('key')}`)}${ifLabel('endpoint', `，接入点 ${label('endpoint')}`)}：3 小时内输出/输入比为 ${decimal()}，共输出 ${amount('OUTPUT')} Token。通常不超过 ${decimal('USUAL')}。阈值：${decimal('LIMIT')}。`,
    ),
    look: [
      see(
        'Since when, and on which models:',
        '何时开始、用了哪些模型：',
        boardOfAny('members', tags, { from: 'now-2d' }),
      ),
      see(
        'Output by hour:',
        '按小时查看输出：',
        boardOfAny('explore', tags, { from: 'now-2d', also: 'metric=output_tokens' }),
      ),
    ],
    holds: true,
  };
}

function dominance(settings: Settings): Rule {
  const recent = hours(DAY);
  const before = hours(8 * DAY, DAY);
  return {
    name: 'dominance',
    title: text('One API key dominates its account', '单个 API Key 占比过高'),
    severity: 'notice',
    kind: 'change',
    panel: PANELS.keys,
    queries: {
      KEY: usage(OF_KEYS, recent, sumOf('tokens')),
      ACCOUNT: usage(OF_ACCOUNTS, recent, sumOf('tokens')),
      KEYBEFORE: pastSum(OF_KEYS, recent, before),
      ACCOUNTBEFORE: pastSum(OF_ACCOUNTS, recent, before),
      ESTABLISHED: pastSum(OF_ACCOUNTS, recent, hours(REMEMBERED, 7 * DAY)),
    },
    math: {
      NOW: '$KEY / $ACCOUNT',
      BEFORE: '$KEYBEFORE / $ACCOUNTBEFORE',
      LIMIT: fixed(settings['dominance.share']),
    },
    fires: [
      `$ACCOUNT > ${settings['dominance.floor_tokens']}`,
      // Not by the share before: without usage it is not a number.
      `$KEYBEFORE < ${settings['dominance.share_before']} * $ACCOUNTBEFORE`,
      '$ESTABLISHED > 0',
      '$NOW > $LIMIT',
    ].join(' && '),
    summary: withName(
      text('An API key suddenly makes up most of its account', '单个 API Key 突然占账号用量的大部分'),
      'key',
    ),
    fired: text(
      `Key ${label('key')} made up ${share()} of the tokens of ${ACCOUNT} in 24 hours (${amount('KEY')}), and ${share('BEFORE')} in the 7 days before. Limit: ${share('LIMIT')}.`,
      `API Key ${label('key')} 24 小时内占 ${ACCOUNT} 用量的 ${share()}（${amount('KEY')} Token），此前 7 天占 ${share('BEFORE')}。阈值：${share('LIMIT')}。`,
    ),
    look: [
      see('Its hours and models:', '按小时和模型查看：', board('members', ['provider', 'account', 'key'])),
      see(
        'The account by key:',
        '按 API Key 拆分账号：',
        board('explore', ['provider', 'account'], { also: 'groupby=key' }),
      ),
    ],
    holds: true,
  };
}
