import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';

const Json = z.record(z.string(), z.unknown());

/** One request as it must come, and its answer. What is not mentioned of a request may be anything. */
export const Exchange = z.strictObject({
  request: z.strictObject({
    method: z.enum(['GET', 'POST']),
    path: z.string().startsWith('/'),
    query: z.record(z.string(), z.string()).optional(),
    headers: z.record(z.string().lowercase(), z.string()).optional(),
    /** Members of a JSON or form body. */
    body: Json.optional(),
  }),
  response: z.strictObject({
    status: z.int().default(200),
    headers: z.record(z.string(), z.string()).default({}),
    body: z.unknown().optional(),
    /** Sent as it is, instead of `body`. */
    text: z.string().optional(),
  }),
});
export type Exchange = z.infer<typeof Exchange>;

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, string>;
  readonly headers: Record<string, unknown>;
  readonly body: unknown;
}

export interface ReplayServer {
  readonly url: string;
  /** What did not go as the exchanges say, in words that help to put it right. */
  problems(): string[];
  close(): Promise<void>;
}

/** Answers each request with the first exchange left that expects it. `names` say which is which in problems. */
export async function replay(
  exchanges: readonly Exchange[],
  names: readonly string[],
): Promise<ReplayServer> {
  const left = exchanges.map((exchange, i) => ({ exchange, name: names[i]! }));
  const problems: string[] = [];
  let count = 0;

  function respond(asked: Asked): Exchange['response'] {
    count++;
    const found = left.findIndex(({ exchange }) => differences(exchange.request, asked).length === 0);
    const [taken] = found < 0 ? [] : left.splice(found, 1);
    if (taken) return taken.exchange.response;
    problems.push(unexpected(count, asked, left));
    return { status: 400, headers: {}, body: { message: 'no exchange expects this request' } };
  }

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, headers, body, text } = respond(await read(incoming));
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(text ?? (body === undefined ? '' : JSON.stringify(body)));
  }

  const server = createServer((incoming, response) => void answer(incoming, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    problems: () => [
      ...problems,
      ...left.map(({ name }) => `${name} was never asked for. Delete it, or find out why.`),
    ],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function read(incoming: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const url = new URL(incoming.url ?? '/', 'http://localhost');
  return {
    method: incoming.method ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: incoming.headers,
    body: parseBody(text, incoming.headers['content-type'] ?? ''),
  };
}

function parseBody(text: string, type: string): unknown {
  if (text === '') return undefined;
  if (type.includes('x-www-form-urlencoded')) return Object.fromEntries(new URLSearchParams(text));
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Where a request is not what an exchange expects. */
function differences(expected: Exchange['request'], asked: Asked): string[] {
  const found: string[] = [];
  compare('', expected, asked, found);
  return found;
}

function compare(path: string, expected: unknown, got: unknown, found: string[]): void {
  if (isObject(expected) && isObject(got)) {
    for (const [name, value] of Object.entries(expected)) {
      if (value !== undefined) compare(path ? `${path}.${name}` : name, value, got[name], found);
    }
    return;
  }
  if (isDeepStrictEqual(expected, got)) return;
  found.push(`${path}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got) ?? 'nothing'}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unexpected(
  count: number,
  asked: Asked,
  left: readonly { exchange: Exchange; name: string }[],
): string {
  const { method, path, query, body } = asked;
  const expectations = left.map(
    ({ exchange, name }) =>
      `  ${name} differs in\n    ${differences(exchange.request, asked).join('\n    ')}`,
  );
  return [
    `Request ${count} is not expected by any exchange that is left:`,
    `  ${method} ${path}`,
    `  query ${JSON.stringify(query)}`,
    `  body ${JSON.stringify(body) ?? 'none'}`,
    ...(left.length > 0 ? expectations : ['  No exchange is left: add an exchange-N.json if this is right.']),
  ].join('\n');
}
