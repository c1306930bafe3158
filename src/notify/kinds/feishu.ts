import { z } from 'zod';
import { SecretField } from '../../fetch/secret-schema.ts';
import type { Answer, HttpKind } from '../http.ts';
import { headingOf, linesOf, mentions, MOST_MENTIONS, type Message } from '../message.ts';
import { failed, retryAfter, SENT, type Meaning } from '../outcome.ts';
import { signFeishu } from '../sign.ts';
import { fit, webLinks } from '../text.ts';

export const FeishuOptions = z.strictObject({
  kind: z.literal('feishu'),
  url: SecretField.describe(
    'Webhook of the robot: https://open.feishu.cn/open-apis/bot/v2/hook/... or https://open.larksuite.com/...',
  ),
  secret: SecretField.optional().describe('Secret of the robot, if signature verification is on.'),
  mentions: z
    .array(z.string().regex(/^[\w-]{1,64}$/, 'must be an open_id such as ou_..., or all'))
    .max(MOST_MENTIONS)
    .default([])
    .describe('open_id of people to mention, or all, when an incident of severity page begins.'),
});
type FeishuOptions = z.infer<typeof FeishuOptions>;

/** The body may have 20 KB; a quotation mark takes two bytes in JSON. */
const TEXT_BYTES = 8000;
const TITLE_BYTES = 400;
const COLOURS = { page: 'red', notice: 'orange', closed: 'green' } as const;

export const feishu: HttpKind<FeishuOptions> = {
  request: (message, { url, secret, mentions: people }, nowMs) => {
    const timestamp = Math.floor(nowMs / 1000);
    return {
      url: url.reveal(),
      body: JSON.stringify({
        ...(secret && { timestamp: String(timestamp), sign: signFeishu(timestamp, secret.reveal()) }),
        msg_type: 'interactive',
        card: cardOf(message, people),
      }),
    };
  },
  meaning: (answer) => (answer.json && 'code' in answer.json ? meaningOf(answer) : notFeishu(answer)),
};

/** Everything but the mentions is `plain_text`, which has no markup. */
function cardOf(message: Message, people: readonly string[]): object {
  const { state, severity } = message;
  const heading = headingOf(message);
  const text = fit(linesOf(message).join('\n'), TEXT_BYTES) || heading;
  const links = webLinks(message.links).map(({ label, url }) => ({
    tag: 'button',
    text: plain(label),
    url,
    type: 'default',
  }));
  const called = mentions(message) ? people.map((person) => `<at id=${person}></at>`).join(' ') : '';
  return {
    config: { wide_screen_mode: true },
    header: {
      title: plain(fit(heading, TITLE_BYTES)),
      template: COLOURS[state === 'closed' ? 'closed' : severity],
    },
    elements: [
      { tag: 'div', text: plain(text) },
      ...(links.length === 0 ? [] : [{ tag: 'action', actions: links }]),
      ...(called === '' ? [] : [{ tag: 'div', text: { tag: 'lark_md', content: called } }]),
    ],
  };
}

function plain(content: string): object {
  return { tag: 'plain_text', content };
}

function notFeishu({ status, json }: Answer): Meaning | undefined {
  if (status !== 200) return undefined;
  // The answer of robots of the first version.
  if (json?.['StatusCode'] === 0) return SENT;
  return failed('This is not an answer of Feishu or Lark: check the address.');
}

/** https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot */
function meaningOf({ json, text }: Answer): Meaning {
  switch (json?.['code']) {
    case 0:
      return SENT;
    // More than 100 messages in a minute or five in a second, or too many robots at once.
    case 11_232:
      return retryAfter(60);
    // Used both for a bad request and for too many.
    case 9499:
      return /too many|frequen/i.test(text) ? retryAfter(60) : failed();
    case 19_001:
    case 19_002:
      return failed(
        'The robot does not exist or is disabled: copy its webhook again from the group settings.',
      );
    case 19_021:
      return failed(
        'The signature does not match: check the secret of the robot and the clock of this machine.',
      );
    case 19_022:
      return failed('Add the IP address of this machine to the security settings of the robot.');
    case 19_024:
      return failed('Add the keyword tokentide to the security settings of the robot.');
    default:
      return failed();
  }
}
