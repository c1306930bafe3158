import { z } from 'zod';
import { SecretField } from '../../fetch/secret-schema.ts';
import type { HttpKind } from '../http.ts';
import { headingOf, linesOf, mentions, MOST_MENTIONS } from '../message.ts';
import { failed, SENT } from '../outcome.ts';
import { escapeSlack, fit, webLinks } from '../text.ts';

export const SlackOptions = z.strictObject({
  kind: z.literal('slack'),
  url: SecretField.describe('Incoming webhook: https://hooks.slack.com/services/...'),
  mentions: z
    .array(
      z
        .string()
        .regex(/^(here|channel|[UWS][A-Z0-9]{5,20})$/, 'must be a member or group id, here or channel'),
    )
    .max(MOST_MENTIONS)
    .default([])
    .describe(
      'Ids of members (U...) or user groups (S...), here or channel, to mention when an incident of severity page begins.',
    ),
});
type SlackOptions = z.infer<typeof SlackOptions>;

/** https://docs.slack.dev/reference/block-kit/blocks */
const HEADER_LENGTH = 150;
const SECTION_LENGTH = 3000;

/** Everything but links and mentions is `plain_text`, which has no markup. */
export const slack: HttpKind<SlackOptions> = {
  request: (message, { url, mentions: people }) => {
    const heading = headingOf(message);
    const text = fit(linesOf(message).join('\n'), SECTION_LENGTH, length);
    const links = webLinks(message.links).map(
      ({ label, url }) => `<${escapeSlack(url)}|${escapeSlack(label)}>`,
    );
    const called = mentions(message) ? people.map(mentionOf) : [];
    return {
      url: url.reveal(),
      body: JSON.stringify({
        // Shown in notifications.
        text: escapeSlack(fit(heading, SECTION_LENGTH, length)),
        blocks: [
          { type: 'header', text: plain(fit(heading, HEADER_LENGTH, length)) },
          ...(text === '' ? [] : [{ type: 'section', text: plain(text) }]),
          ...[links.join(' · '), called.join(' ')]
            .filter(Boolean)
            .map((markup) => ({ type: 'section', text: { type: 'mrkdwn', text: markup } })),
        ],
        unfurl_links: false,
      }),
    };
  },
  meaning: ({ status, text, json }) => {
    if (status === 200) return text.trim() === 'ok' || json?.['ok'] === true ? SENT : failed();
    if (status === 403) return failed('An administrator of the workspace restricts posting to this channel.');
    return undefined;
  },
};

function length(text: string): number {
  return text.length;
}

function plain(text: string): object {
  return { type: 'plain_text', text, emoji: false };
}

function mentionOf(id: string): string {
  if (id === 'here' || id === 'channel') return `<!${id}>`;
  return id.startsWith('S') ? `<!subteam^${id}>` : `<@${id}>`;
}
