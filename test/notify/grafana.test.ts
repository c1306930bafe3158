import { describe, expect, it, test } from 'vitest';
import { grafanaMessage } from '../../src/notify/grafana.ts';
import { createSender } from '../../src/notify/index.ts';
import { headingOf, type Message } from '../../src/notify/message.ts';
import { Secret } from '../../src/lib/secret.ts';
import { grafanaAlert, grafanaWebhook } from '../support/grafana-webhook.ts';
import { EVIL } from '../support/notify-message.ts';

function messageOf(payload: unknown, language: 'en' | 'zh-CN' = 'en'): Message {
  const result = grafanaMessage(payload, 'm-1', language);
  if ('problem' in result) throw new Error(result.problem);
  return result.message;
}

test('one alert is a message with its summary and description', () => {
  const message = messageOf(grafanaWebhook());

  expect(message).toEqual({
    id: 'm-1',
    incident: '{}:{alertname="Spike of an API key"}',
    state: 'open',
    severity: 'page',
    language: 'en',
    rule: 'Spike of an API key',
    title: 'Spike of an API key: ak-7f',
    lines: ['4.1M tokens in an hour; limit 900k.', 'Look first: who is it?'],
    links: [
      { label: 'Grafana', url: 'https://grafana.example.com/d/tokentide-members?viewPanel=3' },
      { label: 'Runbook', url: 'https://grafana.example.com/d/tokentide-runbooks?viewPanel=2' },
    ],
    tags: { provider: 'ucloud', account: 'main', key: 'ak-7f' },
    start: Date.parse('2026-11-24T06:00:00Z') / 1000,
  });
});

test('a group is one line per alert, and those beyond ten are counted', () => {
  const alerts = Array.from({ length: 12 }, (_, index) =>
    grafanaAlert({
      status: index === 0 ? 'resolved' : 'firing',
      annotations: { summary: `key k${index}` },
      startsAt: `2026-11-24T0${6 - (index === 5 ? 2 : 0)}:00:00+08:00`,
    }),
  );

  const message = messageOf(grafanaWebhook({ alerts, truncatedAlerts: 3 }));

  expect(headingOf(message)).toBe('tokentide alert: Spike of an API key (15)');
  expect(message.lines).toEqual([
    'resolved: key k0',
    ...Array.from({ length: 9 }, (_, index) => `key k${index + 1}`),
    'and 5 more',
  ]);
  expect(message.start).toBe(Date.parse('2026-11-24T04:00:00+08:00') / 1000);
  expect(messageOf(grafanaWebhook({ alerts, truncatedAlerts: 3 }), 'zh-CN').lines.at(-1)).toBe('另有 5 个');
});

test('what is resolved ends the incident that it began', () => {
  const resolved = messageOf(
    grafanaWebhook({ status: 'resolved', alerts: [grafanaAlert({ status: 'resolved' })] }),
  );

  expect(resolved).toMatchObject({ state: 'closed', incident: messageOf(grafanaWebhook()).incident });
});

test.each([
  ['notice', 'notice'],
  ['info', 'notice'],
  ['warning', 'notice'],
  ['page', 'page'],
  ['critical', 'page'],
  [undefined, 'page'],
])('the label severity=%s is %s', (severity, expected) => {
  const labels = { alertname: 'x', ...(severity !== undefined && { severity }) };

  expect(messageOf(grafanaWebhook({ alerts: [grafanaAlert({ labels })] })).severity).toBe(expected);
});

test('an alert without texts is shown by its labels', () => {
  const alert = grafanaAlert({ annotations: {}, labels: { alertname: 'x', host: 'a', __dashboard: 'b' } });

  expect(messageOf(grafanaWebhook({ alerts: [alert] }))).toMatchObject({ title: 'x', lines: ['host=a'] });
});

test('labels that are no labels of Prometheus are no tags', () => {
  const commonLabels = {
    alertname: 'x',
    severity: 'page',
    grafana_folder: 'f',
    __a: 'b',
    'c-d': 'e',
    team: 't',
  };

  expect(messageOf(grafanaWebhook({ commonLabels })).tags).toEqual({ team: 't' });
});

test('names in it are text: the channel escapes them', async () => {
  const alert = grafanaAlert({ annotations: { summary: EVIL, description: EVIL }, labels: { key: EVIL } });
  const sender = createSender({
    kind: 'dingtalk',
    url: new Secret('https://oapi.dingtalk.com/robot/send?access_token=canary'),
    mentions: [],
  });
  let body = '';
  await sender.send(messageOf(grafanaWebhook({ alerts: [alert] })), {
    fetch: (_, init) => {
      body = init?.body as string;
      return Promise.resolve(Response.json({ errcode: 0 }));
    },
    now: () => 0,
    timeoutMs: 1000,
    signal: new AbortController().signal,
  });

  const { text } = (JSON.parse(body) as { markdown: { text: string } }).markdown;
  expect(text).not.toMatch(/\[x\]\(|<b>|<at |@all/);
});

describe('what is no message of Grafana', () => {
  it.each<[string, unknown, string]>([
    ['a text', 'canary', 'Invalid input: expected object, received string'],
    ['nothing', null, 'Invalid input: expected object, received null'],
    ['no alerts', { status: 'firing', alerts: [] }, 'alerts: Too small: expected array to have >=1 items'],
    [
      'another state',
      { status: 'canary', alerts: [grafanaAlert()] },
      'status: Invalid option: expected one of "firing"|"resolved"',
    ],
    [
      'labels that are no texts',
      grafanaWebhook({ alerts: [{ ...grafanaAlert(), labels: { key: { canary: 1 } } }] }),
      'alerts.0.labels.key: Invalid input: expected string, received object',
    ],
    [
      'no time',
      grafanaWebhook({ alerts: [grafanaAlert({ startsAt: 'canary' })] }),
      'alerts.0.startsAt: Invalid ISO datetime',
    ],
  ])('%s is named without repeating it', (_, payload, problem) => {
    expect(grafanaMessage(payload, 'm-1', 'en')).toEqual({ problem });
  });
});
