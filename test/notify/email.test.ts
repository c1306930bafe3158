import { expect, it } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { createSender, type ChannelOptions } from '../../src/notify/index.ts';
import { mailOf } from '../../src/notify/kinds/email.ts';
import type { Message } from '../../src/notify/message.ts';
import type { Outcome } from '../../src/notify/outcome.ts';
import { EVIL, messageOf } from '../support/notify-message.ts';
import { startSmtp } from '../support/smtp-server.ts';

const PASSWORD = 'canary-password';
const AUTH_PLAIN = Buffer.from(`\0alerts\0${PASSWORD}`).toString('base64');

type Email = ChannelOptions & { readonly kind: 'email' };

function channel(port: number, changes: Partial<Email> = {}): Email {
  return {
    kind: 'email',
    host: '127.0.0.1',
    port,
    tls: 'none',
    from: 'alerts@example.com',
    to: ['ops@example.com', 'finops@example.com'],
    ...changes,
  };
}

async function send(options: Email, message: Message = messageOf(), timeoutMs = 5000): Promise<Outcome> {
  const { signal } = new AbortController();
  return createSender(options).send(message, { fetch, now: Date.now, timeoutMs, signal });
}

/** Headers and decoded parts of a mail. */
function partsOf(mail: string): { headers: string; parts: string[] } {
  const [headers = '', ...rest] = mail.split('\n\n');
  const boundary = /boundary="([^"]+)"/.exec(headers)?.[1] ?? '';
  const parts = rest
    .join('\n\n')
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const [head = '', ...body] = part.trimStart().split('\n\n');
      const text = body.join('\n\n');
      if (/base64/.test(head)) return Buffer.from(text, 'base64').toString('utf8');
      if (!/quoted-printable/.test(head)) return text;
      const bytes = text
        .replaceAll('=\n', '')
        .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      return Buffer.from(bytes, 'latin1').toString('utf8');
    });
  return { headers: headers.replaceAll(/\n\s+/g, ' '), parts };
}

it('a mail has text and HTML and goes to every recipient', async () => {
  const server = await startSmtp();

  const outcome = await send(channel(server.port), messageOf({ title: '用量告警 🚀', language: 'zh-CN' }));

  expect(outcome).toEqual({ result: 'sent', answer: '250 2.0.0 queued as 1A2B' });
  expect(server.commands.filter((line) => /^(MAIL|RCPT)/.test(line))).toEqual([
    expect.stringContaining('<alerts@example.com>'),
    'RCPT TO:<ops@example.com>',
    'RCPT TO:<finops@example.com>',
  ]);
  const { headers, parts } = partsOf(server.mails[0]!);
  expect(headers).toContain('To: ops@example.com, finops@example.com');
  expect(headers).toContain('Auto-Submitted: auto-generated');
  const [text, html] = parts;
  expect(text).toContain('Dashboard: https://grafana.example.com/d/usage?var-key=ark-7');
  expect(html).toContain('<strong>tokentide 告警：用量告警 🚀</strong>');
  expect(html).toContain('<a href="https://grafana.example.com/d/usage?var-key=ark-7">Dashboard</a>');
});

it('all mails of an incident form a thread', async () => {
  const server = await startSmtp();

  await send(channel(server.port), messageOf({ id: 'm 1' }));
  await send(channel(server.port), messageOf({ id: 'm 2', state: 'closed' }));

  const [first, second] = server.mails.map((mail) => partsOf(mail).headers);
  for (const headers of [first, second]) {
    expect(headers).toContain('In-Reply-To: <i-1@example.com>');
    expect(headers).toContain('References: <i-1@example.com>');
  }
  expect(first).toContain('Message-ID: <m%201@example.com>');
  expect(second).toContain('Message-ID: <m%202@example.com>');
});

it('the name of a user is text in HTML and cannot add a header', () => {
  const { html, subject } = mailOf(
    messageOf({ title: `${EVIL}\r\nBcc: evil@example.com`, lines: [EVIL] }),
    channel(1),
  );

  expect(html).not.toMatch(/<(?!\/?(p|strong|br|a)\b)/);
  expect(html).toContain('&lt;b&gt; @all **');
  expect(subject).not.toMatch(/[\r\n]/);
});

it('user and password are sent, and never shown', async () => {
  const good = await startSmtp({ features: ['AUTH PLAIN'] });
  const bad = await startSmtp({
    features: ['AUTH PLAIN'],
    replies: { AUTH: `535 5.7.8 no user alerts with ${PASSWORD}, ${AUTH_PLAIN}` },
  });
  const login = { user: 'alerts', password: new Secret(PASSWORD) };

  expect(await send(channel(good.port, login))).toMatchObject({ result: 'sent' });
  expect(good.commands).toContain(`AUTH PLAIN ${AUTH_PLAIN}`);
  expect(await send(channel(bad.port, login))).toEqual({
    result: 'failed',
    answer: '535 5.7.8 no user alerts with ***, ***',
    hint: 'Check user and password of the channel.',
  });
});

it.each([
  ['a full mailbox', { RCPT: '452 4.2.2 mailbox full' }, 'retry'],
  ['grey listing', { MAIL: '451 4.7.1 try again later' }, 'retry'],
  ['an unknown recipient', { RCPT: '550 5.1.1 no such user' }, 'failed'],
  ['a mail that is refused', { '.': '554 5.7.1 spam' }, 'failed'],
  ['a server that is too busy after the data', { '.': '421 4.3.2 shutting down' }, 'retry'],
] as const)('%s: %j, %s', async (_, replies, result) => {
  const { port } = await startSmtp({ replies });

  const outcome = await send(channel(port));

  expect(outcome).toMatchObject({ result, answer: expect.stringContaining(Object.values(replies)[0]!) });
});

it('without encryption on the server, a mail that needs it is not sent', async () => {
  const server = await startSmtp();

  const outcome = await send(
    channel(server.port, { tls: 'starttls', user: 'alerts', password: new Secret(PASSWORD) }),
  );

  expect(outcome).toMatchObject({ result: 'failed', hint: expect.stringContaining('tls') });
  expect(server.commands.join()).not.toContain('AUTH');
});

it('a server that does not answer is tried again later', async () => {
  const { port } = await startSmtp({ silent: true });

  expect(await send(channel(port), messageOf(), 50)).toMatchObject({ result: 'retry' });
});
