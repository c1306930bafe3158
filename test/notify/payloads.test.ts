import { describe, expect, it, test } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import type { HttpKind } from '../../src/notify/http.ts';
import { alertmanager } from '../../src/notify/kinds/alertmanager.ts';
import { dingtalk } from '../../src/notify/kinds/dingtalk.ts';
import { feishu } from '../../src/notify/kinds/feishu.ts';
import { pagerduty } from '../../src/notify/kinds/pagerduty.ts';
import { slack } from '../../src/notify/kinds/slack.ts';
import { webhook } from '../../src/notify/kinds/webhook.ts';
import { wecom } from '../../src/notify/kinds/wecom.ts';
import type { Message } from '../../src/notify/message.ts';
import { EVIL, messageOf } from '../support/notify-message.ts';

const NOW = 1_767_229_200_000;
const URL_OF_ROBOT = new Secret('https://example.com/robot?token=t');
const WHERE = messageOf().links[0]!.url;

// oxlint-disable-next-line typescript/no-explicit-any
function bodyOf<Options>(kind: HttpKind<Options>, options: Options, message: Message): any {
  return JSON.parse(kind.request(message, options, NOW).body);
}

const robot = { url: URL_OF_ROBOT, mentions: [] };

describe('the request of', () => {
  it('DingTalk is markdown with the heading, the lines, a link, and mentions in text and list', () => {
    const options = { kind: 'dingtalk' as const, ...robot, mentions: ['13800000000', 'all'] };

    expect(bodyOf(dingtalk, options, messageOf())).toEqual({
      msgtype: 'markdown',
      markdown: {
        title: 'tokentide alert: key ark-7 used 1,234,567 tokens in an hour',
        text: [
          '#### tokentide alert: key ark-7 used 1,234,567 tokens in an hour',
          '14:00-15:00: 1,234,567 tokens; usual 80,000 to 120,000; limit 500,000.',
          'Team platform.',
          `[Dashboard](${WHERE})`,
          '@13800000000',
        ].join('\n\n'),
      },
      at: { atMobiles: ['13800000000'], isAtAll: true },
    });
  });

  it('DingTalk is signed in the address, only if there is a secret', () => {
    const options = { kind: 'dingtalk' as const, ...robot };

    const plain = dingtalk.request(messageOf(), options, NOW);
    const signed = dingtalk.request(
      messageOf(),
      { ...options, secret: new Secret('SECdemo') },
      1_767_225_600_000,
    );

    expect(plain.url).toBe(URL_OF_ROBOT.reveal());
    expect(signed.url).toBe(
      'https://example.com/robot?token=t&timestamp=1767225600000&sign=obv1jKXupdCsRrmQyT6z59MdIICFujSKQJly1hcEYiE%3D',
    );
  });

  it('WeCom is markdown', () => {
    const options = { kind: 'wecom' as const, ...robot, mentions: ['zhang.wei', 'all'] };

    expect(bodyOf(wecom, options, messageOf({ language: 'zh-CN', title: '用量' }))).toEqual({
      msgtype: 'markdown',
      markdown: {
        content: [
          '**tokentide 告警：用量**',
          '14:00-15:00: 1,234,567 tokens; usual 80,000 to 120,000; limit 500,000.',
          'Team platform.',
          `[Dashboard](${WHERE})`,
          '<@zhang.wei><@all>',
        ].join('\n'),
      },
    });
  });

  it('WeCom uses the 4,096 bytes that a message may have', () => {
    const long = messageOf({ severity: 'notice', lines: ['x'.repeat(5000)] });

    const { content } = bodyOf(wecom, { kind: 'wecom' as const, ...robot }, long).markdown;

    expect(Buffer.byteLength(content)).toBe(4096);
    expect(content).toMatch(/x…\n\[Dashboard\]/);
  });

  it('Feishu is a card of plain text, signed in the body', () => {
    const options = {
      kind: 'feishu' as const,
      ...robot,
      secret: new Secret('demo'),
      mentions: ['ou_1', 'all'],
    };

    const body = JSON.parse(feishu.request(messageOf(), options, 1_767_225_600_999).body);

    expect(body).toMatchObject({
      timestamp: '1767225600',
      sign: 'OeJmDC3C7FsudJ7/9z2vZtAnXCvb3MhsqwPgUZXABqw=',
      msg_type: 'interactive',
      card: {
        header: {
          title: {
            tag: 'plain_text',
            content: 'tokentide alert: key ark-7 used 1,234,567 tokens in an hour',
          },
          template: 'red',
        },
        elements: [
          { tag: 'div', text: { tag: 'plain_text', content: messageOf().lines.join('\n') } },
          { tag: 'action', actions: [{ tag: 'button', text: { content: 'Dashboard' }, url: WHERE }] },
          { tag: 'div', text: { tag: 'lark_md', content: '<at id=ou_1></at> <at id=all></at>' } },
        ],
      },
    });
  });

  it('Slack is blocks of plain text, and markup for links and mentions', () => {
    const options = { kind: 'slack' as const, ...robot, mentions: ['U12345', 'S12345', 'here'] };

    const { blocks, text } = bodyOf(slack, options, messageOf());

    expect(text).toBe('tokentide alert: key ark-7 used 1,234,567 tokens in an hour');
    expect(blocks).toEqual([
      { type: 'header', text: { type: 'plain_text', text, emoji: false } },
      { type: 'section', text: { type: 'plain_text', text: messageOf().lines.join('\n'), emoji: false } },
      { type: 'section', text: { type: 'mrkdwn', text: `<${WHERE}|Dashboard>` } },
      { type: 'section', text: { type: 'mrkdwn', text: '<@U12345> <!subteam^S12345> <!here>' } },
    ]);
  });

  it('PagerDuty triggers an incident and resolves the same one', () => {
    const options = {
      kind: 'pagerduty' as const,
      routing_key: new Secret('k'),
      base_url: 'https://events.eu.pagerduty.com',
    };
    const { url } = pagerduty.request(messageOf(), options, NOW);

    expect(url).toBe('https://events.eu.pagerduty.com/v2/enqueue');
    expect(bodyOf(pagerduty, options, messageOf())).toEqual({
      routing_key: 'k',
      event_action: 'trigger',
      dedup_key: 'i-1',
      client: 'tokentide',
      links: [{ href: WHERE, text: 'Dashboard' }],
      payload: {
        summary: 'tokentide alert: key ark-7 used 1,234,567 tokens in an hour',
        source: 'volcengine-ark/default',
        severity: 'critical',
        timestamp: '2026-01-01T00:00:00.000Z',
        class: 'spike',
        custom_details: { text: messageOf().lines.join('\n'), ...messageOf().tags },
      },
    });
    expect(bodyOf(pagerduty, options, messageOf({ state: 'closed', severity: 'notice' }))).toMatchObject({
      event_action: 'resolve',
      dedup_key: 'i-1',
      payload: { severity: 'warning' },
    });
  });

  it('Alertmanager has the tags as labels, and an end that a closed message moves to now', () => {
    const options = {
      kind: 'alertmanager' as const,
      base_url: 'http://alertmanager:9093/prefix/',
      token: new Secret('t'),
    };
    const { url, headers } = alertmanager.request(messageOf(), options, NOW);

    expect(url).toBe('http://alertmanager:9093/prefix/api/v2/alerts');
    expect(headers).toEqual({ authorization: 'Bearer t' });
    const open = {
      labels: { ...messageOf().tags, alertname: 'spike', severity: 'page' },
      annotations: {
        summary: 'key ark-7 used 1,234,567 tokens in an hour',
        description: messageOf().lines.join('\n'),
      },
      startsAt: '2026-01-01T00:00:00.000Z',
      endsAt: '2026-01-01T01:15:00.000Z',
      generatorURL: WHERE,
    };
    expect(bodyOf(alertmanager, options, messageOf())).toEqual([open]);
    expect(bodyOf(alertmanager, options, messageOf({ state: 'closed' }))).toEqual([
      { ...open, endsAt: '2026-01-01T01:00:00.000Z' },
    ]);
  });

  it('a webhook is the documented event', () => {
    expect(bodyOf(webhook, { kind: 'webhook' as const, url: URL_OF_ROBOT }, messageOf())).toEqual({
      version: 1,
      id: 'm-1',
      incident: 'i-1',
      state: 'open',
      severity: 'page',
      language: 'en',
      rule: 'spike',
      title: 'tokentide alert: key ark-7 used 1,234,567 tokens in an hour',
      text: messageOf().lines.join('\n'),
      links: messageOf().links,
      tags: messageOf().tags,
      start: '2026-01-01T00:00:00.000Z',
    });
  });

  it('a webhook with a template is the template, whose structure no value can change', () => {
    const template = {
      msgtype: 'text',
      text: { content: 'Hi: {{title}} ({{ tags.user }}{{ tags.model }})' },
      raw: ['{{ tags }}', 7, null],
    };
    const message = messageOf({ title: '", "x": "', tags: { user: EVIL } });

    expect(bodyOf(webhook, { kind: 'webhook' as const, url: URL_OF_ROBOT, template }, message)).toEqual({
      msgtype: 'text',
      text: { content: `Hi: tokentide alert: ", "x": " (${EVIL})` },
      raw: [{ user: EVIL }, 7, null],
    });
  });
});

describe('a user with an evil name stays text and mentions nobody', () => {
  const message = messageOf({
    title: EVIL,
    lines: [EVIL, `user ${EVIL}`],
    links: [{ label: EVIL, url: WHERE }],
  });

  it.each(['dingtalk', 'wecom'] as const)('in the markdown of %s', (kind) => {
    const body =
      kind === 'dingtalk'
        ? bodyOf(dingtalk, { kind, ...robot }, message)
        : bodyOf(wecom, { kind, ...robot }, message);
    const text = (body.markdown.text ?? body.markdown.content) as string;
    const ours = text.replace(/^#### |^\*\*(.*)\*\*$/m, '$1').replace(/\[([^\]]*)\]\(https:[^)]*\)/, '$1');

    expect(ours).toContain('［x］(http:／／evil) ＜b＞ ＠all ＊＊');
    expect(ours).not.toMatch(/[*`[\]<>]|:\/\/|\n#|\s@/);
    expect(body.at ?? { atMobiles: [], isAtAll: false }).toEqual({ atMobiles: [], isAtAll: false });
  });

  it('in a card of Feishu: nothing but plain text', () => {
    const { card } = bodyOf(feishu, { kind: 'feishu', ...robot }, message);

    expect(JSON.stringify(card)).not.toContain('lark_md');
    expect(card.elements[0].text.content).toContain('[x](http://evil) <b> @all **');
  });

  it('in Slack: plain text, and escaped where it is markup', () => {
    const { blocks, text } = bodyOf(slack, { kind: 'slack', ...robot }, message);

    expect(text).toContain('&lt;!channel&gt; &lt;@U12345&gt;');
    const markup = blocks.filter((block: { text: { type: string } }) => block.text.type === 'mrkdwn');
    expect(markup).toHaveLength(1);
    expect(markup[0].text.text.match(/<[^>]*>/g)).toHaveLength(1);
  });

  it('line breaks in it do not begin a line', () => {
    expect(bodyOf(wecom, { kind: 'wecom', ...robot }, message).markdown.content.split('\n')).toHaveLength(4);
  });
});

test.each([
  ['an open page', {}, true],
  ['a notice', { severity: 'notice' }, false],
  ['a closed message', { state: 'closed' }, false],
] as const)('%s mentions people: %j %s', (_, changes, expected) => {
  const mentions = ['13800000000', 'all'];

  const { at } = bodyOf(dingtalk, { kind: 'dingtalk', ...robot, mentions }, messageOf(changes));

  expect(at).toEqual({ atMobiles: expected ? ['13800000000'] : [], isAtAll: expected });
});

test('colours and words say how bad it is, and that it is over', () => {
  const header = (changes: Partial<Message>): unknown => {
    const { title, template } = bodyOf(
      feishu,
      { kind: 'feishu', ...robot },
      messageOf({ title: 'x', ...changes }),
    ).card.header;
    return [template, title.content];
  };

  expect(header({})).toEqual(['red', 'tokentide alert: x']);
  expect(header({ severity: 'notice' })).toEqual(['orange', 'tokentide notice: x']);
  expect(header({ state: 'closed' })).toEqual(['green', 'tokentide resolved: x']);
  expect(header({ language: 'zh-CN', severity: 'notice' })).toEqual(['orange', 'tokentide 提示：x']);
  expect(header({ language: 'zh-CN', state: 'closed' })).toEqual(['green', 'tokentide 已恢复：x']);
});
