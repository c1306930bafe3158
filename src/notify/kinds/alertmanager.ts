import { z } from 'zod';
import { SecretField } from '../../fetch/secret-schema.ts';
import type { HttpKind } from '../http.ts';
import { linesOf } from '../message.ts';
import { failed } from '../outcome.ts';
import { displayText } from '../../lib/display-text.ts';
import { fit, webLinks } from '../text.ts';
import { basicAuthorization } from '../authorization.ts';

export const AlertmanagerOptions = z.strictObject({
  kind: z.literal('alertmanager'),
  base_url: z
    .url({ protocol: /^https?$/ })
    .describe('Address without /api/v2: http://alertmanager:9093. Credentials go into the options below.'),
  token: SecretField.optional().describe('Bearer token.'),
  user: z.string().min(1).optional().describe('User name, for basic authentication.'),
  password: SecretField.optional().describe('Password, for basic authentication.'),
});
type AlertmanagerOptions = z.infer<typeof AlertmanagerOptions>;

/** How long an alert stays active without being sent again. */
const ACTIVE_MS = 15 * 60_000;
const LABEL_BYTES = 1000;
const TEXT_BYTES = 16_000;

/** https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml */
export const alertmanager: HttpKind<AlertmanagerOptions> = {
  request: (message, { base_url, token, user, password }, nowMs) => {
    const { rule, severity, state, tags, start } = message;
    const [link] = webLinks(message.links);
    const authorization = token ? `Bearer ${token.reveal()}` : basicAuthorization(user, password);
    return {
      url: `${base_url.replace(/\/+$/, '')}/api/v2/alerts`,
      headers: authorization === undefined ? {} : { authorization },
      body: JSON.stringify([
        {
          labels: {
            ...Object.fromEntries(
              Object.entries(tags).map(([name, value]) => [name, fit(value, LABEL_BYTES)]),
            ),
            alertname: rule,
            severity,
          },
          annotations: {
            summary: fit(displayText(message.title), LABEL_BYTES),
            description: fit(linesOf(message).join('\n'), TEXT_BYTES),
          },
          startsAt: new Date(start * 1000).toISOString(),
          endsAt: new Date(state === 'open' ? nowMs + ACTIVE_MS : nowMs).toISOString(),
          ...(link && { generatorURL: link.url }),
        },
      ]),
    };
  },
  meaning: ({ status, text }) => {
    if (status === 404) return failed('Give the address of an Alertmanager from 0.16 on, without /api/v2.');
    return status === 200 && text.trimStart().startsWith('<')
      ? failed('This is not an answer of Alertmanager: check the address.')
      : undefined;
  },
};
