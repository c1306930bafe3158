import type { SendMailOptions, SMTPTransportOptions } from 'nodemailer';
import { z } from 'zod';
import { SecretField } from '../../fetch/secret-schema.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { headingOf, linesOf, type Message } from '../message.ts';
import type { Outcome } from '../outcome.ts';
import { displayAnswer, secretsOf } from '../redact.ts';
import type { Sender } from '../sender.ts';
import { escapeHtml, fit, webLinks } from '../text.ts';

const MOST_RECIPIENTS = 50;

export const EmailOptions = z.strictObject({
  kind: z.literal('email'),
  host: z.string().min(1).describe('SMTP server.'),
  port: z.int().min(1).max(65_535).optional().describe('Default: 587, or 465 with tls: implicit.'),
  tls: z
    .enum(['starttls', 'implicit', 'none'])
    .default('starttls')
    .describe('How the connection is encrypted. Without encryption, the password is sent in the clear.'),
  user: z.string().min(1).optional().describe('User name of the SMTP server. Default: no authentication.'),
  password: SecretField.optional().describe('Password of the SMTP server.'),
  from: z.email().describe('Address of the sender.'),
  to: z.array(z.email()).min(1).max(MOST_RECIPIENTS).describe('Addresses of the recipients.'),
});
type EmailOptions = z.infer<typeof EmailOptions>;

const SUBJECT_BYTES = 200;
const TEXT_BYTES = 16_000;

export function emailSender(options: EmailOptions): Sender {
  const secrets = secretsOf(options);
  return {
    send: async (message, { timeoutMs, signal }) => {
      // Loaded with the first mail: it is larger than the rest of the program.
      const { createTransport } = await import('nodemailer');
      const transport = createTransport(transportOptions(options, timeoutMs));
      try {
        const mail = mailOf(message, options);
        const { response } = await withDeadline(signal, timeoutMs, (deadline) =>
          transport.sendMail({ ...mail, signal: deadline }),
        );
        return { result: 'sent', answer: displayAnswer(response, secrets) };
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        return outcomeOf(error, (text) => displayAnswer(text, secrets));
      } finally {
        transport.close();
      }
    },
  };
}

function transportOptions(
  { host, port, tls, user, password }: EmailOptions,
  ms: number,
): SMTPTransportOptions {
  return {
    host,
    port: port ?? (tls === 'implicit' ? 465 : 587),
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    ...(user !== undefined && { auth: { user, pass: password?.reveal() ?? '' } }),
    connectionTimeout: ms,
    greetingTimeout: ms,
    socketTimeout: ms,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** Plain text and HTML. All mails of an incident refer to the same message id, which makes them a thread. */
export function mailOf(message: Message, { from, to }: Pick<EmailOptions, 'from' | 'to'>): SendMailOptions {
  const heading = fit(headingOf(message), SUBJECT_BYTES);
  const lines = fit(linesOf(message).join('\n'), TEXT_BYTES).split('\n');
  const links = webLinks(message.links);
  const idOf = (id: string): string => `<${encodeURIComponent(id)}@${from.split('@')[1]}>`;
  const thread = idOf(message.incident);
  return {
    from: { name: 'tokentide', address: from },
    to: [...to],
    subject: heading,
    messageId: idOf(message.id),
    inReplyTo: thread,
    references: [thread],
    headers: { 'Auto-Submitted': 'auto-generated' },
    text: [
      ...lines,
      ...(links.length > 0 ? [''] : []),
      ...links.map(({ label, url }) => `${label}: ${url}`),
    ].join('\n'),
    html: [
      `<p><strong>${escapeHtml(heading)}</strong></p>`,
      `<p>${lines.map(escapeHtml).join('<br>\n')}</p>`,
      ...links.map(({ label, url }) => `<p><a href="${escapeHtml(url)}">${escapeHtml(label)}</a></p>`),
    ].join('\n'),
  };
}

const HINTS: Readonly<Record<string, string>> = {
  EAUTH: 'Check user and password of the channel.',
  ENOAUTH: 'The server requires user and password.',
  ETLS: 'Check the option tls of the channel: starttls, implicit or none.',
  EENVELOPE: 'The server refuses the sender or a recipient.',
};
/** Errors of the network, which may pass. */
const TRANSIENT = new Set(['ECONNECTION', 'ETIMEDOUT', 'ESOCKET', 'EDNS', 'EABORT']);

/** A reply of 400 to 499 is transient (RFC 5321, 4.2.1). */
function outcomeOf(error: unknown, clean: (text: string) => string): Outcome {
  const { code, responseCode, response } = error as {
    code?: string;
    responseCode?: number;
    response?: string;
  };
  const answer = clean(response ?? (error instanceof Error ? error.message : String(error)));
  if (responseCode === undefined ? TRANSIENT.has(code ?? '') : responseCode < 500)
    return { result: 'retry', answer };
  if (error instanceof DOMException) return { result: 'retry', answer };
  const hint = HINTS[code ?? ''];
  return { result: 'failed', answer, ...(hint !== undefined && { hint }) };
}
