import { ALERT, type Severity } from '../../src/usage/catalogue.ts';
import { select } from '../influxql.ts';
import { text } from '../text.ts';
import { labelOf } from '../variables.ts';
import { PANELS } from './panels.ts';
import { hours, reduce } from './queries.ts';
import type { Rule } from './rule.ts';
import { ACCOUNT, boardOfAny, exact, ifKnown, ifLabel, label, see, withName } from './words.ts';

/** Every tag that tells one series of verdicts from another. */
const SERIES = ALERT.tagNames.filter((tag) => tag !== 'severity');
const DETAILS = SERIES.filter((tag) => !['provider', 'account', 'rule', 'bucket'].includes(tag));

/** The verdicts that an alerting program has written: one rule for each severity, one alert for each series. */
export function verdicts(): readonly Rule[] {
  return (['page', 'notice'] as const).map(verdict);
}

function verdict(severity: Severity): Rule {
  const details = DETAILS.map((tag) => ({ tag, name: labelOf(tag) }));
  return {
    name: `verdict-${severity}`,
    runbook: 'verdict',
    title: text(
      `Unusual usage, ${severity === 'page' ? 'urgent' : 'notice'}`,
      `用量异常（${severity === 'page' ? '紧急' : '提示'}）`,
    ),
    severity,
    kind: 'verdict',
    panel: PANELS.accounts,
    queries: {
      STATE: latest(severity, 'last("state")'),
      NOW: known(severity, 'value'),
      LIMIT: known(severity, 'limit'),
      EXPECTED: known(severity, 'expected'),
    },
    math: {},
    fires: '$STATE > 0',
    summary: withName(text('Usage is out of the ordinary', '用量出现异常'), 'rule'),
    fired: text(
      `Rule ${label('rule')} on ${ACCOUNT}` +
        details.map(({ tag, name }) => ifLabel(tag, `, ${name.en} ${label(tag)}`)).join('') +
        `.${ifKnown('NOW', ` Measured: ${exact()}.`)}${ifKnown('EXPECTED', ` Usual: ${exact('EXPECTED')}.`)}${ifKnown('LIMIT', ` Limit: ${exact('LIMIT')}.`)}`,
      `规则 ${label('rule')}，${ACCOUNT}` +
        details.map(({ tag, name }) => ifLabel(tag, `，${name['zh-CN']} ${label(tag)}`)).join('') +
        `。${ifKnown('NOW', `实际值：${exact()}。`)}${ifKnown('EXPECTED', `通常值：${exact('EXPECTED')}。`)}${ifKnown('LIMIT', `阈值：${exact('LIMIT')}。`)}`,
    ),
    look: [
      see(
        'Who and when:',
        '谁在用、何时开始：',
        boardOfAny('members', ['provider', 'account', 'team', 'user', 'key']),
      ),
      see(
        'What it is made of:',
        '用量构成：',
        boardOfAny('explore', ['provider', 'account', 'model', 'user', 'key'], { also: 'groupby=model' }),
      ),
    ],
  };
}

/**
 * Of hours and of days, whose points have the time at which the day began. A point of a day is seen until the end of
 * the next day.
 */
const RANGES = [`"bucket" != '1d' AND ${hours(3)}`, `"bucket" = '1d' AND ${hours(48)}`];

const statements = (severity: Severity, column: string): readonly string[] =>
  RANGES.map((range) =>
    select({
      columns: [`${column} AS "x"`],
      from: ALERT,
      where: [`"severity" = '${severity}'`, range],
      by: SERIES,
    }),
  );

const latest = (severity: Severity, column: string): string =>
  reduce('max("x")', SERIES, ...statements(severity, column));

/** 0 where the program wrote no such field: a query without an answer would turn the whole rule into NoData. */
const known = (severity: Severity, field: 'value' | 'limit' | 'expected'): string =>
  reduce(
    'sum("x")',
    SERIES,
    ...statements(severity, '0 * last("state")'),
    ...statements(severity, `last("${field}")`),
  );
