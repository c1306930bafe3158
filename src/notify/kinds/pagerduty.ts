import { z } from 'zod';
import { SecretField } from '../../fetch/secret-schema.ts';
import type { HttpKind } from '../http.ts';
import { headingOf, linesOf } from '../message.ts';
import { failed, SENT } from '../outcome.ts';
import { fit, webLinks } from '../text.ts';

export const PagerDutyOptions = z.strictObject({
  kind: z.literal('pagerduty'),
  routing_key: SecretField.describe('Integration key of an Events API v2 integration.'),
  base_url: z
    .url({ protocol: /^https?$/ })
    .default('https://events.pagerduty.com')
    .describe('The service region: https://events.eu.pagerduty.com in the EU.'),
});
type PagerDutyOptions = z.infer<typeof PagerDutyOptions>;

/** https://developer.pagerduty.com/docs/send-alert-event */
const SUMMARY_LENGTH = 1024;
const KEY_LENGTH = 255;
/** An event may have 512 KB. */
const TEXT_BYTES = 16_000;

export const pagerduty: HttpKind<PagerDutyOptions> = {
  request: (message, { routing_key, base_url }) => {
    const { tags } = message;
    return {
      url: new URL('/v2/enqueue', base_url).href,
      body: JSON.stringify({
        routing_key: routing_key.reveal(),
        event_action: message.state === 'open' ? 'trigger' : 'resolve',
        dedup_key: fit(message.incident, KEY_LENGTH),
        client: 'tokentide',
        links: webLinks(message.links).map(({ label, url }) => ({ href: url, text: label })),
        payload: {
          summary: fit(headingOf(message), SUMMARY_LENGTH),
          source: [tags['provider'], tags['account']].filter(Boolean).join('/') || 'tokentide',
          severity: message.severity === 'page' ? 'critical' : 'warning',
          timestamp: new Date(message.start * 1000).toISOString(),
          class: message.rule,
          custom_details: { text: fit(linesOf(message).join('\n'), TEXT_BYTES), ...tags },
        },
      }),
    };
  },
  meaning: ({ status, json }) => {
    if (status === 400)
      return failed('Check the routing key: it is the key of an Events API v2 integration.');
    if (status < 200 || status >= 300) return undefined;
    return json?.['status'] === 'success' ? SENT : failed();
  },
};
