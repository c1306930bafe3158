import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { notifyCommand, type NotifyArguments } from '../../src/commands/notify.ts';
import { ConfigError } from '../../src/config/errors.ts';
import { fakeClock } from '../support/fake-clock.ts';
import {
  dingTalkService,
  startService,
  type RunningService,
  type Service,
} from '../support/notify-services.ts';
import { startSmtp } from '../support/smtp-server.ts';
import { folderOf } from '../config/loading.ts';
import { contextOf, type Recorded } from './context.ts';

const TOKEN = 'canary0123456789abcdef';
const SECRET = 'SECcanary';
const FILE = `channels:
  ops:
    kind: dingtalk
    url: \${ROBOT_URL}
    secret: \${ROBOT_SECRET}
    mentions: ['13800000000']
  chinese:
    kind: dingtalk
    url: \${ROBOT_URL}
    secret: \${ROBOT_SECRET}
    language: zh-CN
    severities: [page]
    quiet_hours: {from: '00:00', to: '23:59', zone: UTC}
  unset:
    kind: slack
    url: \${SLACK_URL}
`;
const NOW = Date.parse('2026-11-21T10:30:00Z');

interface Ran {
  readonly code: number;
  readonly context: Recorded;
  readonly slept: readonly number[];
}

async function run(
  channel: string,
  env: Readonly<Record<string, string>>,
  more: Partial<NotifyArguments> & { readonly file?: string } = {},
): Promise<Ran> {
  const { file = FILE, ...args } = more;
  const clock = fakeClock(NOW);
  const context = contextOf({}, { env });
  const alerts = join(folderOf({ 'alerts.yaml': file }), 'alerts.yaml');
  const network = { fetch, sleep: clock.sleep };
  const given = { channel, alerts, severity: 'notice', closed: false, ...args } as const;
  return { code: await notifyCommand(context, given, network), context, slept: clock.slept };
}

async function robot(
  service: Service = dingTalkService(TOKEN, SECRET, () => NOW),
): Promise<RunningService & { env: Record<string, string> }> {
  const running = await startService(service);
  return {
    ...running,
    env: { ROBOT_URL: `${running.url}/robot/send?access_token=${TOKEN}`, ROBOT_SECRET: SECRET },
  };
}

describe('tokentide notify test', () => {
  it('sends a message and prints what the server answered', async () => {
    const { env, received } = await robot();

    const { code, context } = await run('ops', env);

    expect(code).toBe(0);
    expect(context.printed).toEqual({ out: 'ops: sent: HTTP 200: {"errcode":0,"errmsg":"ok"}\n', err: '' });
    expect(received.map(({ body }) => body.markdown.text)).toEqual([
      '#### tokentide notice: test message\n\nThe channel ops works. Sent at 2026-11-21 10:30 UTC by tokentide notify test.',
    ]);
  });

  it('with --severity page mentions people, with --closed it is over', async () => {
    const { env, received } = await robot();

    await run('ops', env, { severity: 'page' });
    await run('ops', env, { severity: 'page', closed: true });

    expect(received.map(({ body }) => [body.markdown.title, body.at.atMobiles])).toEqual([
      ['tokentide alert: test message', ['13800000000']],
      ['tokentide resolved: test message', []],
    ]);
  });

  it('uses the language of the channel, and says when a message of an incident would wait', async () => {
    const { env, received } = await robot();

    const { context } = await run('chinese', env);

    expect(received[0]!.body.markdown.text).toContain('测试消息');
    expect(context.printed.err).toBe(
      'chinese: takes no messages of severity notice\nchinese: quiet hours: messages of severity notice wait until 2026-11-21 23:59\n',
    );
  });

  it('reports a refusal with the answer and a hint, and exits with 1', async () => {
    const { env } = await robot();

    const { code, context } = await run('ops', { ...env, ROBOT_SECRET: 'SECother' });

    expect(code).toBe(1);
    expect(context.printed.out).toBe('');
    expect(context.printed.err).toBe(
      'ops: not sent: HTTP 200: {"errcode":310000,"errmsg":"sign not match, not ***"}\n' +
        '  The security settings of the robot refuse the message: check its secret and the clock of this machine, or allow the keyword tokentide or the IP address.\n',
    );
  });

  it('says when to try again', async () => {
    const { env } = await robot(() => ({ body: { errcode: 410_100, errmsg: 'send too fast' } }));

    const { code, context } = await run('ops', env);

    expect(code).toBe(1);
    expect(context.printed.err).toContain('Try again in 600 s.');
  });

  it('tries three times where nothing answers', async () => {
    const { code, context, slept } = await run('ops', {
      ROBOT_URL: 'http://127.0.0.1:9/',
      ROBOT_SECRET: SECRET,
    });

    expect([code, slept.length]).toEqual([1, 2]);
    expect(context.printed.err).toMatch(/^ops: not sent: no answer/);
  });

  it('sends a mail', async () => {
    const { port, mails } = await startSmtp();
    const file = `channels: {mail: {kind: email, host: 127.0.0.1, port: ${port}, tls: none, from: a@example.com, to: [b@example.com]}}`;

    const { code, context } = await run('mail', {}, { file });

    expect([code, context.printed.out]).toEqual([0, 'mail: sent: 250 2.0.0 queued as 1A2B\n']);
    expect(mails[0]).toContain('The channel mail works.');
  });

  it.each([
    ['op', /no channel is named "op"/, /did you mean "ops"\?/],
    ['constructor', /no channel is named "constructor"/, /expected one of chinese, ops, unset/],
    ['unset', /the channel "unset" is disabled: SLACK_URL is not set/, /set the variable/],
  ])('reports the channel %s as a configuration error', async (name, message, hint) => {
    const { env } = await robot();

    const error = await run(name, env).catch((error: unknown) => error);

    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toMatch(message);
    expect((error as ConfigError).message).toMatch(hint);
  });
});

describe('no credential is printed', () => {
  const echoes: readonly [string, Service][] = [
    [
      'the whole request',
      (received) => ({
        status: 400,
        body: `${received.path}?${received.query.toString()} ${received.text} ${JSON.stringify(received.headers)}`,
      }),
    ],
    [
      'the address, encoded',
      ({ path, query }) => ({ status: 500, body: encodeURIComponent(`http://x${path}?${query.toString()}`) }),
    ],
    [
      'the token in pieces',
      () => ({ status: 400, body: { errcode: 1, errmsg: `${TOKEN.slice(0, 9)}\u200b${TOKEN.slice(9)}` } }),
    ],
  ];

  const kinds = [
    ['dingtalk', `kind: dingtalk\n    url: \${ADDRESS}\n    secret: \${KEY}`],
    ['wecom', `kind: wecom\n    url: \${ADDRESS}`],
    ['feishu', `kind: feishu\n    url: \${ADDRESS}\n    secret: \${KEY}`],
    ['slack', `kind: slack\n    url: \${ADDRESS}`],
    ['webhook', `kind: webhook\n    url: \${ADDRESS}\n    secret: \${KEY}\n    token: \${KEY}`],
    ['pagerduty', `kind: pagerduty\n    routing_key: \${KEY}\n    base_url: \${BASE}`],
    ['alertmanager', `kind: alertmanager\n    user: ops\n    password: \${KEY}\n    base_url: \${BASE}`],
  ] as const;

  it.each(
    kinds.flatMap(([kind, options]) =>
      echoes.map(([what, service]) => [kind, what, options, service] as const),
    ),
  )('%s, where the server repeats %s', async (_, __, options, service) => {
    const { url } = await startService(service);
    const env = { BASE: url, ADDRESS: `${url}/services/${TOKEN}?key=${TOKEN}`, KEY: TOKEN };

    const { code, context } = await run('ops', env, { file: `channels:\n  ops:\n    ${options}\n` });

    const { out, err } = context.printed;
    expect(code).toBe(1);
    expect(out + err).not.toMatch(/canary|[\w+/]{43}=|sign=(?!\*\*\*)\w/);
    expect(out + err).not.toContain(Buffer.from(`ops:${TOKEN}`).toString('base64'));
  });
});
