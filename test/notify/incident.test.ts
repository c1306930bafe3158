import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import {
  messagesOf,
  type NotifiedEvent,
  type NotifiedIncident,
  type NotifyTargets,
} from '../../src/notify/incident.ts';
import { CHANGES } from '../../src/ledger/incidents.ts';
import { headingOf, type Message } from '../../src/notify/message.ts';
import { nameOf, RULE_NAMES } from '../../src/notify/rule-names.ts';
import { ROOT } from '../support/markdown.ts';

const OPENED = Date.parse('2026-11-24T06:00:00Z') / 1000;
const INCIDENT: NotifiedIncident = {
  id: 'a-7f3k',
  rule: 'spike_key',
  severity: 'page',
  tags: { provider: 'ucloud', account: 'main', key: 'ak-7f & co' },
  value: 4_100_000,
  expected: 180_000,
  limit: 900_000,
  text: 'key ak-7f & co: 4.1 M tokens 14:00-15:00, usual 180 k; limit 900 k',
  opened: OPENED,
};
const BOTH = { severities: ['notice', 'page'], language: 'en' } as const;

function messages(
  change: NotifiedEvent['change'],
  channels: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  {
    told = [],
    grafanaUrl,
    ...incident
  }: Partial<NotifiedIncident> & {
    told?: readonly string[];
    grafanaUrl?: string;
  } = {},
): Record<string, Message> {
  const targets = {
    channels: new Map(Object.entries(channels).map(([name, route]) => [name, { ...BOTH, ...route }])),
    told: new Set(told),
    grafanaUrl,
    at: OPENED + 3600,
  } as NotifyTargets;
  const found = messagesOf({ incident: { ...INCIDENT, ...incident }, change }, targets);
  return Object.fromEntries(found.map(({ channel, message }) => [channel, message]));
}

test('a message explains the incident in one line with its numbers', () => {
  const { ops } = messages('opened', { ops: {} });

  expect(headingOf(ops!)).toBe('tokentide alert: Spike of an API key: ak-7f & co');
  expect(ops!.lines).toEqual([
    'key ak-7f & co: 4.1 M tokens 14:00-15:00, usual 180 k; limit 900 k',
    'Account: ucloud/main',
    'Incident: a-7f3k',
    'Runbook: spike-key',
  ]);
  expect(ops).toMatchObject({
    incident: 'a-7f3k',
    state: 'open',
    rule: 'spike_key',
    start: OPENED,
    links: [],
  });
});

test('in Chinese too', () => {
  const { ops } = messages(
    'opened',
    { ops: { language: 'zh-CN' } },
    { tags: { ...INCIDENT.tags, team: '平台' } },
  );

  expect(headingOf(ops!)).toBe('tokentide 告警：API Key 用量突增：ak-7f & co');
  expect(ops!.lines).toEqual([
    '数值 410万，通常 18万，上限 90万',
    `详情：${INCIDENT.text}`,
    '账号：ucloud/main',
    '团队：平台',
    '事件：a-7f3k',
    '处置手册：spike-key',
  ]);
});

test.each([
  ['escalated', 'Larger or longer than when it was reported first.', '规模或持续时间超过首次通知。'],
  ['reopened', 'It has returned.', '再次出现。'],
  ['closed', 'Over after 3 h. Reason: corrected', '已结束，持续 3 小时。原因：corrected'],
] as const)('%s is the first line', (change, english, chinese) => {
  const channels = { a: {}, b: { language: 'zh-CN' } };
  const { a, b } = messages(change, channels, {
    told: ['a', 'b'],
    closed: OPENED + 3 * 3600,
    reason: 'corrected',
  });

  expect([a!.lines[0], b!.lines[0]]).toEqual([english, chinese]);
  expect(a!.state).toBe(change === 'closed' ? 'closed' : 'open');
});

test('the id of a message is another one for each change', () => {
  const ids = CHANGES.map((change) => messages(change, { ops: {} }, { told: ['ops'] })['ops']!.id);

  expect(new Set(ids).size).toBe(CHANGES.length);
});

describe('who gets a message', () => {
  const channels = {
    notices: { severities: ['notice'] },
    pages: { severities: ['page'] },
    team: { teams: ['platform'] },
  };

  it('is decided by severity and team', () => {
    expect(Object.keys(messages('opened', channels))).toEqual(['pages']);
    expect(Object.keys(messages('opened', channels, { severity: 'notice' }))).toEqual(['notices']);
    expect(Object.keys(messages('opened', channels, { tags: { provider: 'p', team: 'platform' } }))).toEqual([
      'pages',
      'team',
    ]);
  });

  it('is everybody who was told before, whatever it has become', () => {
    expect(Object.keys(messages('escalated', channels, { told: ['notices'] }))).toEqual(['notices', 'pages']);
  });

  it('is nobody else when it is over', () => {
    expect(Object.keys(messages('closed', channels, { told: ['notices'] }))).toEqual(['notices']);
  });
});

test('links show the series in Grafana, from a day before the incident on', () => {
  const { ops } = messages('opened', { ops: {} }, { grafanaUrl: 'https://grafana.example.com/sub/' });

  const [explore, runbook] = ops!.links.map(({ url }) => new URL(url));
  expect(explore!.pathname).toBe('/sub/d/tokentide-explore');
  expect(Object.fromEntries(explore!.searchParams)).toEqual({
    'var-provider': 'ucloud',
    'var-account': 'main',
    'var-key': 'ak-7f & co',
    from: String((OPENED - 86_400) * 1000),
    to: String((OPENED + 3600) * 1000),
  });
  expect(runbook!.href).toBe('https://grafana.example.com/sub/d/tokentide-runbooks');
});

test('names of rules are the headings of their pages', () => {
  const heading = (path: string): string | undefined =>
    existsSync(join(ROOT, path)) ? /^# (.*)$/m.exec(readFileSync(join(ROOT, path), 'utf8'))?.[1] : undefined;
  const pages = Object.entries(RULE_NAMES).flatMap(([rule, names]) => {
    const page = `${rule.replaceAll('_', '-')}.md`;
    const found = { en: heading(`docs/alerts/${page}`), 'zh-CN': heading(`docs/alerts/zh-CN/${page}`) };
    return found.en === undefined ? [] : [{ rule, names, found }];
  });

  expect(pages.length).toBeGreaterThan(10);
  for (const { rule, names, found } of pages) expect({ rule, ...names }).toEqual({ rule, ...found });
  expect(nameOf('own_rule', 'en')).toBe('own_rule');
});
