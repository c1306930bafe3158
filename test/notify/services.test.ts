import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { createSender, type ChannelOptions } from '../../src/notify/index.ts';
import type { Message } from '../../src/notify/message.ts';
import type { Outcome } from '../../src/notify/outcome.ts';
import { EVIL, messageOf } from '../support/notify-message.ts';
import {
  alertmanagerService,
  dingTalkService,
  feishuService,
  pagerDutyService,
  slackService,
  startService,
  weComService,
  webhookService,
  type RunningService,
  type Service,
} from '../support/notify-services.ts';

const NOW = Date.parse('2026-11-24T08:00:20Z');
const TOKEN = 'canary0123456789abcdef0123456789';
const SECRET = 'SECcanary-signing-secret';
const now = (): number => NOW;
const secret = (text: string): Secret => new Secret(text);

interface Case {
  readonly kind: ChannelOptions['kind'];
  readonly service: Service;
  readonly options: (url: string) => ChannelOptions;
  /** The same channel with credentials that the service refuses. */
  readonly refused: (url: string) => ChannelOptions;
}

function cases(): Case[] {
  const robot = { mentions: [] };
  return [
    {
      kind: 'dingtalk',
      service: dingTalkService(TOKEN, SECRET, now),
      options: (url) => ({
        kind: 'dingtalk',
        url: secret(`${url}/robot/send?access_token=${TOKEN}`),
        secret: secret(SECRET),
        ...robot,
      }),
      refused: (url) => ({
        kind: 'dingtalk',
        url: secret(`${url}/robot/send?access_token=${TOKEN}`),
        secret: secret(`${SECRET}2`),
        ...robot,
      }),
    },
    {
      kind: 'wecom',
      service: weComService(TOKEN, now),
      options: (url) => ({
        kind: 'wecom',
        url: secret(`${url}/cgi-bin/webhook/send?key=${TOKEN}`),
        ...robot,
      }),
      refused: (url) => ({
        kind: 'wecom',
        url: secret(`${url}/cgi-bin/webhook/send?key=${TOKEN}2`),
        ...robot,
      }),
    },
    {
      kind: 'feishu',
      service: feishuService(TOKEN, SECRET, now),
      options: (url) => ({
        kind: 'feishu',
        url: secret(`${url}/open-apis/bot/v2/hook/${TOKEN}`),
        secret: secret(SECRET),
        ...robot,
      }),
      refused: (url) => ({ kind: 'feishu', url: secret(`${url}/open-apis/bot/v2/hook/${TOKEN}`), ...robot }),
    },
    {
      kind: 'slack',
      service: slackService(`/services/T012/B345/${TOKEN}`, now),
      options: (url) => ({ kind: 'slack', url: secret(`${url}/services/T012/B345/${TOKEN}`), ...robot }),
      refused: (url) => ({ kind: 'slack', url: secret(`${url}/services/T012/B345/${TOKEN}2`), ...robot }),
    },
    {
      kind: 'pagerduty',
      service: pagerDutyService(TOKEN),
      options: (url) => ({ kind: 'pagerduty', routing_key: secret(TOKEN), base_url: url }),
      refused: (url) => ({ kind: 'pagerduty', routing_key: secret(`${TOKEN}2`), base_url: url }),
    },
    {
      kind: 'alertmanager',
      service: alertmanagerService(`Basic ${Buffer.from(`ops:${TOKEN}`).toString('base64')}`),
      options: (url) => ({ kind: 'alertmanager', base_url: `${url}/`, user: 'ops', password: secret(TOKEN) }),
      refused: (url) => ({ kind: 'alertmanager', base_url: url, user: 'ops', password: secret(`${TOKEN}2`) }),
    },
    {
      kind: 'webhook',
      service: webhookService(SECRET, now),
      options: (url) => ({
        kind: 'webhook',
        url: secret(`${url}/hook?key=${TOKEN}`),
        secret: secret(SECRET),
      }),
      refused: (url) => ({
        kind: 'webhook',
        url: secret(`${url}/hook?key=${TOKEN}`),
        secret: secret(`${SECRET}2`),
      }),
    },
  ];
}

async function send(options: ChannelOptions, message: Message, at = NOW): Promise<Outcome> {
  const { signal } = new AbortController();
  return createSender(options).send(message, { fetch, now: () => at, timeoutMs: 5000, signal });
}

describe.each(cases().map((each) => [each.kind, each] as const))('%s', (_, { service, options, refused }) => {
  const start = (): Promise<RunningService> => startService(service);

  it('takes an open and a closed message in both languages', async () => {
    for (const changes of [{}, { state: 'closed' }, { language: 'zh-CN', severity: 'notice' }] as const) {
      const { url, received } = await startService(cases().find(({ kind }) => kind === _)!.service);

      expect(await send(options(url), messageOf(changes))).toMatchObject({ result: 'sent' });
      expect(received).toHaveLength(1);
    }
  });

  it('takes a message of any length, in any script, from anybody', async () => {
    for (const unit of ['告警', '🚀', '"\\', EVIL, '<&>', 'ÿ']) {
      const { url } = await startService(cases().find(({ kind }) => kind === _)!.service);
      const long = unit.repeat(30_000 / unit.length);
      const message = messageOf({
        severity: 'notice',
        title: long,
        lines: Array.from({ length: 40 }, () => long),
        links: Array.from({ length: 9 }, (_, index) => ({
          label: long,
          url: `https://example.com/${'x'.repeat(index * 100)}`,
        })),
        incident: long,
      });

      expect({ unit, ...(await send(options(url), message)) }).toMatchObject({ unit, result: 'sent' });
    }
  });

  it('refuses wrong credentials; the outcome says how to fix it and does not repeat them', async () => {
    const { url } = await start();

    const outcome = await send(refused(url), messageOf());

    expect(outcome.result).toBe('failed');
    expect(JSON.stringify(outcome)).not.toMatch(/canary|[\w+/]{43}=/);
    expect(outcome).toHaveProperty('hint');
  });

  it('is tried again later while the service is down', async () => {
    const { url } = await startService(() => ({
      status: 503,
      headers: { 'retry-after': '30' },
      body: TOKEN,
    }));

    expect(await send(options(url), messageOf())).toEqual({
      result: 'retry',
      afterMs: 30_000,
      answer: 'HTTP 503: ***',
    });
  });

  it('is tried again later while nothing listens, and the address is not shown', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));

    expect(await send(options(`http://127.0.0.1:${port}`), messageOf())).toEqual({
      result: 'retry',
      answer: 'no answer: ECONNREFUSED',
    });
  });

  it('does not follow a redirect, which would pass on the credentials', async () => {
    const other = await start();
    const { url } = await startService(() => ({ status: 307, headers: { location: other.url }, body: '' }));

    expect(await send(options(url), messageOf())).toMatchObject({ result: 'failed' });
    expect(other.received).toEqual([]);
  });
});

describe('the rate limit of a service', () => {
  it.each([
    ['dingtalk', 20, 600_000],
    ['wecom', 20, 60_000],
    ['feishu', 5, 60_000],
    ['slack', 1, 1000],
  ] as const)('%s: message %i + 1 is sent later', async (kind, most, afterMs) => {
    const { service, options } = cases().find((each) => each.kind === kind)!;
    const { url } = await startService(service);

    const results: Outcome[] = [];
    for (let i = 0; i <= most; i++) results.push(await send(options(url), messageOf()));

    expect(results.slice(0, -1).every(({ result }) => result === 'sent')).toBe(true);
    expect(results.at(-1)).toMatchObject({ result: 'retry', afterMs });
  });
});

describe('an error that a service reports with HTTP 200', () => {
  it.each([
    ['dingtalk', { errcode: 130_101, errmsg: 'send too fast' }, 'retry'],
    ['dingtalk', { errcode: -1, errmsg: 'busy' }, 'retry'],
    ['dingtalk', { errcode: 310_000, errmsg: 'keywords not in content' }, 'failed'],
    ['dingtalk', { errcode: 400_102, errmsg: 'robot stopped' }, 'failed'],
    ['dingtalk', '<html>login</html>', 'failed'],
    ['wecom', { errcode: 45_009, errmsg: 'api freq out of limit' }, 'retry'],
    ['wecom', { errcode: -1, errmsg: 'busy' }, 'retry'],
    ['wecom', { errcode: 40_058, errmsg: 'invalid' }, 'failed'],
    ['wecom', 'null', 'failed'],
    ['feishu', { code: 11_232, msg: 'frequency limited' }, 'retry'],
    ['feishu', { code: 9499, msg: 'too many request' }, 'retry'],
    ['feishu', { code: 9499, msg: 'Bad Request' }, 'failed'],
    ['feishu', { code: 19_022, msg: 'Ip Not Allowed' }, 'failed'],
    ['feishu', { code: 19_024, msg: 'Key Words Not Found' }, 'failed'],
    ['feishu', { StatusCode: 0, StatusMessage: 'success' }, 'sent'],
    ['feishu', {}, 'failed'],
    ['slack', { ok: false, error: 'invalid_blocks' }, 'failed'],
    ['slack', '<html>login</html>', 'failed'],
    ['pagerduty', { status: 'invalid event' }, 'failed'],
    ['alertmanager', '<html>login</html>', 'failed'],
  ] as const)('%s %j: %s', async (kind, body, result) => {
    const { options } = cases().find((each) => each.kind === kind)!;
    const { url } = await startService(() => ({ body }));

    expect(await send(options(url), messageOf())).toMatchObject({ result });
  });
});

it('a signature is refused when the clock of the sender is more than an hour off', async () => {
  for (const kind of ['dingtalk', 'feishu', 'webhook'] as const) {
    const { service, options } = cases().find((each) => each.kind === kind)!;
    const { url } = await startService(service);

    expect(await send(options(url), messageOf(), NOW - 3_700_000)).toMatchObject({ result: 'failed' });
  }
});

it('no service is sent a body that is too long, whatever the text', async () => {
  const { url } = await startService(weComService(TOKEN, () => (time += 60_000)));
  let time = 0;
  const options: ChannelOptions = {
    kind: 'wecom',
    url: secret(`${url}/cgi-bin/webhook/send?key=${TOKEN}`),
    mentions: Array.from({ length: 20 }, () => 'u'.repeat(64)),
  };
  const text = fc.string({ unit: 'binary', maxLength: 3000 });

  await fc.assert(
    fc.asyncProperty(text, fc.array(text, { maxLength: 5 }), async (title, lines) => {
      expect(await send(options, messageOf({ title, lines }))).toMatchObject({ result: 'sent' });
    }),
    { numRuns: 50 },
  );
});
