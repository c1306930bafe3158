import { z } from 'zod';
import { SecretField } from '../../fetch/secret-schema.ts';
import type { HttpKind } from '../http.ts';
import { headingOf, linesOf, mentions, MOST_MENTIONS } from '../message.ts';
import { failed, retryAfter, RETRY, SENT, type Meaning } from '../outcome.ts';
import { signDingTalk } from '../sign.ts';
import { fit, markdownLinks, plainInMarkdown } from '../text.ts';

export const DingTalkOptions = z.strictObject({
  kind: z.literal('dingtalk'),
  url: SecretField.describe('Webhook of the robot: https://oapi.dingtalk.com/robot/send?access_token=...'),
  secret: SecretField.optional().describe('Secret of the robot, if it is secured by signature.'),
  mentions: z
    .array(z.string().regex(/^(all|\+?[0-9-]{5,20})$/, 'must be a mobile number, or all'))
    .max(MOST_MENTIONS)
    .default([])
    .describe('Mobile numbers to mention, or all, when an incident of severity page begins.'),
});
type DingTalkOptions = z.infer<typeof DingTalkOptions>;

/** The body may have 20,000 bytes. */
const TITLE_BYTES = 300;
const TEXT_BYTES = 9000;

export const dingtalk: HttpKind<DingTalkOptions> = {
  request: (message, { url, secret, mentions: people }, nowMs) => {
    const called = mentions(message) ? people : [];
    const mobiles = called.filter((person) => person !== 'all');
    const heading = headingOf(message);
    const text = [
      `#### ${fit(plainInMarkdown(heading), TITLE_BYTES)}`,
      fit(linesOf(message).map(plainInMarkdown).join('\n\n'), TEXT_BYTES),
      ...markdownLinks(message.links),
      // A number is highlighted where the text has it.
      mobiles.map((mobile) => `@${mobile}`).join(' '),
    ];
    return {
      url: secret ? signed(url.reveal(), nowMs, secret.reveal()) : url.reveal(),
      body: JSON.stringify({
        msgtype: 'markdown',
        markdown: { title: fit(heading, TITLE_BYTES), text: text.filter(Boolean).join('\n\n') },
        at: { atMobiles: mobiles, isAtAll: called.includes('all') },
      }),
    };
  },
  meaning: ({ status, json }) => (status === 200 ? meaningOf(json?.['errcode']) : undefined),
};

function signed(address: string, timestamp: number, secret: string): string {
  const url = new URL(address);
  url.searchParams.set('timestamp', String(timestamp));
  url.searchParams.set('sign', signDingTalk(timestamp, secret));
  return url.href;
}

/** https://open.dingtalk.com/document/robots/custom-robot-access */
function meaningOf(code: unknown): Meaning {
  switch (code) {
    case 0:
      return SENT;
    case -1:
      return RETRY;
    // More than 20 messages in a minute: the robot is silent for ten minutes.
    case 130_101:
    case 410_100:
      return retryAfter(600);
    case 310_000:
      return failed(
        'The security settings of the robot refuse the message: check its secret and the clock of this machine, or allow the keyword tokentide or the IP address.',
      );
    case 300_001:
    case 300_005:
    case 400_101:
    case 400_102:
    case 400_106:
      return failed(
        'The robot does not exist or is disabled: copy its webhook again from the group settings.',
      );
    default:
      return failed(code === undefined ? 'This is not an answer of DingTalk: check the address.' : undefined);
  }
}
