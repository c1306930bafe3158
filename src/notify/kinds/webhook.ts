import { z } from 'zod';
import { SecretField } from '../../fetch/secret-schema.ts';
import type { HttpKind } from '../http.ts';
import { headingOf, linesOf, type Message } from '../message.ts';
import { signWebhook } from '../sign.ts';
import { PLACEHOLDERS, renderTemplate, unknownPlaceholders } from '../template.ts';
import { fit, webLinks } from '../text.ts';

const Template = z.record(z.string(), z.unknown()).superRefine((template, context) => {
  for (const name of unknownPlaceholders(template)) {
    const message = `has no value for {{ ${name} }}; known are ${PLACEHOLDERS.join(', ')}`;
    context.issues.push({ code: 'custom', message, input: undefined });
  }
});

export const WebhookOptions = z.strictObject({
  kind: z.literal('webhook'),
  url: SecretField.describe('Where to POST the message.'),
  secret: SecretField.optional().describe('Key of the signature in the header X-Tokentide-Signature.'),
  token: SecretField.optional().describe('Bearer token.'),
  template: Template.optional().describe(
    'The JSON to send instead of the default; {{ title }} and others in its texts are replaced.',
  ),
});
type WebhookOptions = z.infer<typeof WebhookOptions>;

const TEXT_BYTES = 16_000;

export const webhook: HttpKind<WebhookOptions> = {
  request: (message, { url, secret, token, template }, nowMs) => {
    const event = eventOf(message);
    const body = JSON.stringify(template ? renderTemplate(template, event) : event);
    const timestamp = Math.floor(nowMs / 1000);
    return {
      url: url.reveal(),
      headers: {
        'x-tokentide-id': encodeURIComponent(message.id),
        'x-tokentide-timestamp': String(timestamp),
        ...(secret && { 'x-tokentide-signature': `sha256=${signWebhook(timestamp, body, secret.reveal())}` }),
        ...(token && { authorization: `Bearer ${token.reveal()}` }),
      },
      body,
    };
  },
};

/** What is sent; docs/notifications.md explains it. New members may be added, none is renamed within a version. */
export function eventOf(message: Message): Record<(typeof PLACEHOLDERS)[number], unknown> {
  const { id, incident, state, severity, language, rule, tags, start } = message;
  return {
    version: 1,
    id,
    incident,
    state,
    severity,
    language,
    rule,
    title: headingOf(message),
    text: fit(linesOf(message).join('\n'), TEXT_BYTES),
    links: webLinks(message.links),
    tags,
    start: new Date(start * 1000).toISOString(),
  };
}
