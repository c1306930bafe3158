import { createServer, type AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface SmtpServer {
  readonly port: number;
  /** Commands without the data, in order. */
  readonly commands: readonly string[];
  /** Mails as they were sent. */
  readonly mails: readonly string[];
}

export interface SmtpOptions {
  /** Replies by the start of a command, such as `{ RCPT: '450 4.2.1 busy' }`. */
  readonly replies?: Readonly<Record<string, string>>;
  readonly features?: readonly string[];
  /** Never answers. */
  readonly silent?: boolean;
}

/** A server that takes mail (RFC 5321) without encryption, until the test ends. */
export async function startSmtp({
  replies = {},
  features = [],
  silent,
}: SmtpOptions = {}): Promise<SmtpServer> {
  const commands: string[] = [];
  const mails: string[] = [];
  const server = createServer((socket) => {
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    let pending = '';
    let data: string[] | undefined;
    const onLine = (line: string): void => {
      if (data) {
        if (line !== '.') {
          data.push(line);
          return;
        }
        mails.push(data.join('\n'));
        data = undefined;
        say(replies['.'] ?? '250 2.0.0 queued as 1A2B');
        return;
      }
      commands.push(line);
      const word = line.split(' ')[0] ?? '';
      const reply = replies[word];
      if (reply !== undefined) say(reply);
      else if (word === 'EHLO') {
        const lines = ['localhost', ...features];
        lines.forEach((text, index) => say(`250${index === lines.length - 1 ? ' ' : '-'}${text}`));
      } else if (word === 'STARTTLS') say('502 5.5.1 not supported');
      else if (word === 'AUTH') say('235 2.7.0 ok');
      else if (word === 'DATA') {
        data = [];
        say('354 go ahead');
      } else if (word === 'QUIT') {
        say('221 bye');
        socket.end();
      } else say('250 2.0.0 ok');
    };
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const lines = (pending + String(chunk)).split('\r\n');
      pending = lines.pop() ?? '';
      lines.forEach(onLine);
    });
    if (!silent) say('220 localhost ESMTP');
    onTestFinished(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, commands, mails };
}
