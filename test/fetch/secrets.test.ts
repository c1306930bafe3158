import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { FetchError } from '../../src/fetch/errors.ts';
import type { HttpRequest } from '../../src/fetch/http.ts';
import { redactUrl } from '../../src/fetch/redact-url.ts';
import { Secret } from '../../src/lib/secret.ts';
import { vendorMessage } from '../../src/fetch/vendor-message.ts';
import { hang, json, stubbedHttp, type Reply } from '../support/stub-fetch.ts';

const CANARY = 'canary-5f1d9c';

/** Everything that a log, `util.inspect` or `JSON.stringify` could show of an error. */
function everything(error: unknown): string {
  const stack = error instanceof Error ? `${error.message} ${error.stack} ${String(error.cause)}` : '';
  return `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)} ${stack}`;
}

const request: HttpRequest = {
  method: 'POST',
  url: `https://user:${CANARY}@api.example.com/usage?Signature=${CANARY}#${CANARY}`,
  headers: { authorization: `Bearer ${CANARY}`, 'x-key': CANARY },
  body: JSON.stringify({ app_secret: CANARY }),
};

it.each<{ name: string; reply: Reply; sent?: Partial<HttpRequest>; attempts?: number }>([
  { name: 'an HTTP error', reply: json({ message: CANARY }, 400) },
  { name: 'a redirect', reply: new Response('', { status: 302, headers: { location: `/?${CANARY}` } }) },
  { name: 'an HTML page', reply: new Response(`<html>${CANARY}`) },
  { name: 'JSON that breaks off', reply: new Response(`{"secret": "${CANARY}`) },
  { name: 'text that is not JSON', reply: new Response(CANARY) },
  { name: 'another shape', reply: json({ ok: CANARY, [CANARY]: 1 }) },
  { name: 'an unknown member of a strict shape', reply: json({ ok: true, [CANARY]: CANARY }) },
  { name: 'a time-out', reply: hang },
  { name: 'a network fault', reply: new TypeError(CANARY, { cause: new Error(CANARY) }) },
  { name: 'a fetch that quotes the header', reply: new TypeError(`"${CANARY}" is an invalid header value`) },
  { name: 'an address that is none', reply: json({}), sent: { url: `nonsense?${CANARY}` } },
  { name: 'another host', reply: json({}), sent: { url: `https://evil.example/?${CANARY}` } },
])('no secret in the error: $name', async ({ reply, sent }) => {
  const { http, events } = stubbedHttp([reply], { timeoutMs: 5, attempts: 2 });

  const error: unknown = await http
    .call({
      action: 'usage',
      build: () => ({ ...request, ...sent }),
      answer: z.strictObject({ ok: z.boolean() }),
      signal: new AbortController().signal,
    })
    .catch((reason: unknown) => reason);

  expect(error).toBeInstanceOf(FetchError);
  expect(everything(error)).not.toContain(CANARY);
  expect(JSON.stringify(events)).not.toContain(CANARY);
});

it.each([
  { name: 'a line break in a header', sent: { headers: { authorization: `Bearer ${CANARY}\nx` } } },
  { name: 'a character that headers do not carry', sent: { headers: { 'x-key': `密${CANARY}` } } },
  { name: 'user info in the address', sent: {} },
])('no secret in what the real fetch throws: $name', async ({ sent }) => {
  const { http } = stubbedHttp([json({})], { fetch: globalThis.fetch, attempts: 1 });

  const error: unknown = await http
    .call({
      action: 'usage',
      build: () => ({ ...request, ...sent }),
      answer: z.unknown(),
      signal: new AbortController().signal,
    })
    .catch((reason: unknown) => reason);

  expect(error).toMatchObject({ name: 'FetchError', kind: 'credentials' });
  expect(everything(error)).not.toContain(CANARY);
});

it('names a real network fault without the address of the request', async () => {
  const server = createServer((_, response) => response.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const call = async (): Promise<unknown> => {
    const { http } = stubbedHttp([json({})], { baseUrl, fetch: globalThis.fetch, attempts: 1 });
    return http
      .call({
        action: 'usage',
        build: () => ({ method: 'GET', url: `${baseUrl}/usage?Signature=${CANARY}` }),
        answer: z.unknown(),
        signal: new AbortController().signal,
      })
      .catch((reason: unknown) => reason);
  };

  const brokenOff = await call();
  await new Promise((resolve) => server.close(resolve));
  const refused = await call();

  expect(brokenOff).toMatchObject({ kind: 'unavailable' });
  expect(String(brokenOff)).toMatch(/no answer from http:\/\/127\.0\.0\.1:\d+\/usage: other side closed/);
  expect(refused).toMatchObject({ kind: 'unavailable' });
  expect(String(refused)).toMatch(/no answer from .*\/usage: connect ECONNREFUSED/);
  expect(everything([brokenOff, refused])).not.toContain(CANARY);
});

it('redacts a URL to origin and path', () => {
  expect(redactUrl(request.url)).toBe('https://api.example.com/usage');
  expect(redactUrl(`:${CANARY}`)).toBe('an invalid URL');
});

it("makes a vendor's message fit to be shown", () => {
  const secrets = [new Secret(CANARY)];

  expect(vendorMessage(`token ${CANARY}\n\tis  bad\u0007`, secrets)).toBe('token *** is bad');
  expect(vendorMessage('\u001b[31ma\u202Eb\u001b[0m', secrets)).toBe('ab');
  expect(vendorMessage(`${CANARY.slice(0, 4)}\u200B${CANARY.slice(4)}`, secrets)).toBe('***');
  expect(vendorMessage('x'.repeat(400))).toHaveLength(303);
  expect(vendorMessage(`Signature=${'0fA9'.repeat(10)} of ${'ab'.repeat(20)}x`)).toBe(
    `Signature=*** of ${'ab'.repeat(20)}x`,
  );
});
