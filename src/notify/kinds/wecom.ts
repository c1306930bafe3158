import { z } from 'zod';
import { SecretField } from '../../fetch/secret-schema.ts';
import type { HttpKind } from '../http.ts';
import { headingOf, linesOf, mentions, MOST_MENTIONS } from '../message.ts';
import { failed, retryAfter, RETRY, SENT, type Meaning } from '../outcome.ts';
import { fit, markdownLinks, plainInMarkdown, utf8Bytes } from '../text.ts';

export const WeComOptions = z.strictObject({
  kind: z.literal('wecom'),
  url: SecretField.describe('Webhook of the robot: https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=...'),
  mentions: z
    .array(z.string().regex(/^[\w.@-]{1,64}$/, 'must be a user id, or all'))
    .max(MOST_MENTIONS)
    .default([])
    .describe('User ids to mention, or all, when an incident of severity page begins.'),
});
type WeComOptions = z.infer<typeof WeComOptions>;

/** https://developer.work.weixin.qq.com/document/path/91770 */
const MARKDOWN_BYTES = 4096;
const TITLE_BYTES = 300;

export const wecom: HttpKind<WeComOptions> = {
  request: (message, { url, mentions: people }) => {
    const called = mentions(message) ? people : [];
    const heading = `**${fit(plainInMarkdown(headingOf(message)), TITLE_BYTES)}**`;
    const tail = [...markdownLinks(message.links), called.map((person) => `<@${person}>`).join('')].filter(
      Boolean,
    );
    const left = MARKDOWN_BYTES - utf8Bytes([heading, '', ...tail].join('\n'));
    const text = fit(linesOf(message).map(plainInMarkdown).join('\n'), left);
    const content = [heading, text, ...tail].filter(Boolean).join('\n');
    return { url: url.reveal(), body: JSON.stringify({ msgtype: 'markdown', markdown: { content } }) };
  },
  meaning: ({ status, json }) => (status === 200 ? meaningOf(json?.['errcode']) : undefined),
};

/** https://developer.work.weixin.qq.com/document/path/90313 */
function meaningOf(code: unknown): Meaning {
  switch (code) {
    case 0:
      return SENT;
    case -1:
    case 45_033:
      return RETRY;
    // More than 20 messages in a minute.
    case 45_009:
      return retryAfter(60);
    case 93_000:
    case 93_004:
    case 93_008:
      return failed(
        'The robot does not exist or is disabled: copy its webhook again from the group settings.',
      );
    default:
      return failed(code === undefined ? 'This is not an answer of WeCom: check the address.' : undefined);
  }
}
