import type { Severity } from '../../src/usage/catalogue.ts';
import type { Settings } from '../settings.ts';
import { text, type Text } from '../text.ts';
import { PANELS } from './panels.ts';
import {
  hours,
  ofPast,
  OF_ACCOUNTS,
  OF_KEYS,
  OF_MODELS,
  OF_USERS,
  reduce,
  steps,
  sumOf,
  type Dimension,
} from './queries.ts';
import { fixed, larger, type PanelReference, type Rule } from './rule.ts';
import { ACCOUNT, amount, board, exact, label, see, withName } from './words.ts';

/** Tokens per hour. The open hour only grows, so a part of it above the limit of a whole hour is proof enough. */

const WEEK = 7 * 24;
/** The open hour, and the one before: usage also arrives after its hour has closed. */
const RECENT = 2;

const hourly = (dimension: Dimension, from: number, until = 0): string =>
  steps(dimension, hours(from, until), '1h', sumOf('tokens'));

const now = (dimension: Dimension): string => reduce('max("x")', dimension.by, hourly(dimension, RECENT));

/** Hours without usage do not count, so that a key that works at night only is compared with its nights. */
function peak(dimension: Dimension, { 'baseline.days': days }: Settings): string {
  const past = hourly(dimension, Math.max(RECENT + 1, Math.round(days * 24)), RECENT);
  return ofPast(dimension, hours(RECENT), reduce('percentile("x", 99)', dimension.by, past));
}

/** The same hours of the last two weeks; 0 where there was no usage, so that the series is still judged. */
const season = (dimension: Dimension): string =>
  ofPast(
    dimension,
    hours(RECENT),
    hourly(dimension, WEEK + RECENT, WEEK),
    hourly(dimension, 2 * WEEK + RECENT, 2 * WEEK),
  );

export function spikes(settings: Settings): readonly Rule[] {
  return [
    record(settings, {
      name: 'spike-key',
      tag: 'key',
      dimension: OF_KEYS,
      title: text('Spike of an API key', 'API Key 用量突增'),
      summary: text('An API key uses far more tokens than ever in an hour', 'API Key 小时用量远超历史'),
      what: text(`Key ${label('key')} of ${ACCOUNT}`, `${ACCOUNT} 的 API Key ${label('key')}`),
      panel: PANELS.keys,
    }),
    record(settings, {
      name: 'spike-user',
      tag: 'user',
      dimension: OF_USERS,
      title: text('Spike of a user', '用户用量突增'),
      summary: text('A user uses far more tokens than ever in an hour', '用户小时用量远超历史'),
      what: text(`User ${label('user')} of ${ACCOUNT}`, `${ACCOUNT} 的用户 ${label('user')}`),
      panel: PANELS.users,
    }),
    seasonal(settings, {
      name: 'spike-account',
      dimension: OF_ACCOUNTS,
      severity: 'page',
      title: text('Spike of an account', '账号用量突增'),
      summary: withName(
        text(
          'An account uses far more tokens than at this hour of the last weeks',
          '账号用量远超前两周同时段',
        ),
        'account',
      ),
      what: text(`Account ${ACCOUNT}`, `账号 ${ACCOUNT}`),
      panel: PANELS.accounts,
      tags: ['provider', 'account'],
    }),
    seasonal(settings, {
      name: 'spike-model',
      dimension: OF_MODELS,
      severity: 'notice',
      title: text('Spike of a model', '模型用量突增'),
      summary: withName(
        text('A model is used far more than at this hour of the last weeks', '模型用量远超前两周同时段'),
        'model',
      ),
      what: text(`Model ${label('model')} of ${ACCOUNT}`, `${ACCOUNT} 的模型 ${label('model')}`),
      panel: PANELS.models,
      tags: ['provider', 'account', 'model'],
    }),
    ceiling(settings),
  ];
}

interface RecordOf {
  readonly name: string;
  readonly tag: 'key' | 'user';
  readonly dimension: Dimension;
  readonly title: Text;
  readonly summary: Text;
  /** The subject of the first sentence. */
  readonly what: Text;
  readonly panel: PanelReference;
}

/** For series with gaps: more than any hour of the last weeks but the wildest one in a hundred. */
function record(settings: Settings, { name, tag, dimension, title, summary, what, panel }: RecordOf): Rule {
  return {
    name,
    title,
    severity: 'page',
    kind: 'spike',
    panel,
    queries: { NOW: now(dimension), USUAL: peak(dimension, settings) },
    math: { LIMIT: larger(`$USUAL * ${settings['spike.ratio']}`, String(settings['spike.floor_tokens'])) },
    // A series without a past is not judged.
    fires: '$NOW > $LIMIT && $USUAL > 0',
    summary: withName(summary, tag),
    fired: text(
      `${what.en} used ${amount()} tokens (${exact()}) in an hour. Usual: at most ${amount('USUAL')} in 99 of 100 hours with usage. Limit: ${amount('LIMIT')}.`,
      `${what['zh-CN']} 一小时内使用 ${amount()} Token（${exact()}）。通常：99% 的有用量小时不超过 ${amount('USUAL')}。阈值：${amount('LIMIT')}。`,
    ),
    look: [
      see(
        'When it began, and on which models:',
        '何时开始、用了哪些模型：',
        board('members', ['provider', 'account', tag]),
      ),
      see(
        'Split by model:',
        '按模型拆分：',
        board('explore', ['provider', 'account', tag], { from: 'now-2d', also: 'groupby=model' }),
      ),
    ],
    holds: true,
  };
}

interface Seasonal {
  readonly name: string;
  readonly dimension: Dimension;
  readonly severity: Severity;
  readonly title: Text;
  readonly summary: Text;
  readonly what: Text;
  readonly panel: PanelReference;
  readonly tags: readonly string[];
}

/** For totals with a rhythm: a multiple of the same hour of the last two weeks, and a record as well. */
function seasonal(settings: Settings, rule: Seasonal): Rule {
  const { name, dimension, severity, title, summary, what, panel, tags } = rule;
  return {
    name,
    title,
    severity,
    kind: 'spike',
    panel,
    queries: { NOW: now(dimension), USUAL: season(dimension), PEAK: peak(dimension, settings) },
    math: {
      BASE: larger(`$USUAL * ${settings['season.ratio']}`, '$PEAK'),
      LIMIT: larger('$BASE', String(settings['season.floor_tokens'])),
    },
    fires: '$NOW > $LIMIT && $PEAK > 0',
    summary,
    fired: text(
      `${what.en} used ${amount()} tokens (${exact()}) in an hour. Same hour of the last two weeks: at most ${amount('USUAL')}. 99 of 100 hours: at most ${amount('PEAK')}. Limit: ${amount('LIMIT')}.`,
      `${what['zh-CN']} 一小时内使用 ${amount()} Token（${exact()}）。前两周同时段最高 ${amount('USUAL')}，99% 的小时不超过 ${amount('PEAK')}。阈值：${amount('LIMIT')}。`,
    ),
    look: [
      see('Who makes it up:', '由谁产生：', board('members', ['provider', 'account'], { from: 'now-2d' })),
      see('When it began:', '何时开始：', board('explore', tags, { from: 'now-2d' })),
    ],
    holds: true,
  };
}

function ceiling(settings: Settings): Rule {
  const limit = settings['ceiling.tokens'];
  return {
    name: 'ceiling',
    title: text('Ceiling of an API key', 'API Key 用量超过上限'),
    severity: 'page',
    kind: 'ceiling',
    panel: PANELS.keys,
    queries: { NOW: now(OF_KEYS) },
    math: { LIMIT: fixed(limit) },
    fires: '$NOW > $LIMIT',
    summary: withName(text('An API key is above the ceiling per hour', 'API Key 小时用量超过上限'), 'key'),
    fired: text(
      `Key ${label('key')} of ${ACCOUNT} used ${amount()} tokens (${exact()}) in an hour. Ceiling: ${amount('LIMIT')}.`,
      `${ACCOUNT} 的 API Key ${label('key')} 一小时内使用 ${amount()} Token（${exact()}）。上限：${amount('LIMIT')}。`,
    ),
    look: [
      see(
        'When it began, and on which models:',
        '何时开始、用了哪些模型：',
        board('members', ['provider', 'account', 'key']),
      ),
    ],
    holds: true,
    paused: limit === 0,
  };
}
