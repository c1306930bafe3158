import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Secret } from '../lib/secret.ts';
import { json, text, type Page } from './page.ts';

/** Grafana's messages have some KB. */
const LONGEST_BODY = 1_000_000;
export const RELAY_PATH = '/api/v1/relay/';

export interface RelayOptions {
  /** Without one, nothing is relayed. */
  readonly token: Secret | undefined;
  /** Names of channels. */
  readonly channels: readonly string[];
  /** Queues the message. @returns its id, or what is wrong with the body */
  readonly take: (channel: string, body: unknown) => { readonly id: string } | { readonly problem: string };
}

/** Takes a message for a channel: `POST /api/v1/relay/<channel>`. */
export async function relay(request: IncomingMessage, channel: string, options: RelayOptions): Promise<Page> {
  const { token, channels, take } = options;
  if (request.method !== 'POST') return text(405, 'Only POST is supported.', { allow: 'POST' });
  if (!token)
    return text(
      403,
      'The relay is off. Set TOKENTIDE_RELAY_TOKEN, or TOKENTIDE_RELAY_TOKEN_FILE, to turn it on.',
    );
  if (!isBearer(request.headers.authorization, token)) {
    const message = 'Send the value of TOKENTIDE_RELAY_TOKEN as a bearer token in the header Authorization.';
    return text(401, message, { 'www-authenticate': 'Bearer' });
  }
  if (!channels.includes(channel)) {
    const known = channels.length > 0 ? `known are ${channels.join(', ')}` : 'alerts.yaml has none';
    return text(404, `No channel has this name; ${known}.`);
  }
  const body = await readBody(request);
  if (body === undefined) {
    // The rest is not read.
    return text(413, `The body is larger than ${LONGEST_BODY} bytes.`, { connection: 'close' });
  }
  const parsed = parse(body);
  if (!parsed) return text(400, 'The body is not JSON.');
  const taken = take(channel, parsed.value);
  if ('problem' in taken) return text(400, `The body is not a message of Grafana: ${taken.problem}.`);
  return json(202, taken);
}

/** Digests have the same length, which `timingSafeEqual` needs. */
function isBearer(header: string | undefined, token: Secret): boolean {
  const [, given = ''] = /^Bearer +(\S+)$/i.exec(header ?? '') ?? [];
  return timingSafeEqual(digest(given), digest(token.reveal()));
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}

/** Undefined if it is too long. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving the loop would destroy the connection before the answer is sent.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(body: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(body) as unknown };
  } catch {
    return undefined;
  }
}
