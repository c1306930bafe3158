import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { createSender, type ChannelOptions } from '../../src/notify/index.ts';
import type { Outcome } from '../../src/notify/outcome.ts';
import { hang } from '../support/stub-fetch.ts';
import { messageOf } from '../support/notify-message.ts';

const CHANNEL: ChannelOptions = {
  kind: 'webhook',
  url: new Secret('https://hook.example.com/canary-of-the-address?key=canary'),
};

function send(
  fetch: (url: string, init: RequestInit) => Response | Promise<Response>,
  options: ChannelOptions = CHANNEL,
  signal: AbortSignal = new AbortController().signal,
): Promise<Outcome> {
  const io = { fetch: fetch as typeof globalThis.fetch, now: Date.now, timeoutMs: 20, signal };
  return createSender(options).send(messageOf(), io);
}

describe('a message over HTTP', () => {
  it('is tried again later if there is no answer in time', async () => {
    expect(await send(hang)).toEqual({ result: 'retry', answer: 'no answer within 20 ms' });
  });

  it('is tried again later if the connection is lost, and what fetch says of the address is not shown', async () => {
    const lost = new TypeError('fetch failed for https://hook.example.com/canary-of-the-address', {
      cause: new Error('other side closed canary'),
    });

    expect(await send(() => Promise.reject(lost))).toEqual({
      result: 'retry',
      answer: 'no answer: the connection was lost',
    });
  });

  it('is given up with its caller', async () => {
    const caller = new AbortController();
    const sent = send(hang, CHANNEL, caller.signal);
    caller.abort(new DOMException('stopped by SIGINT', 'AbortError'));

    await expect(sent).rejects.toThrow('stopped by SIGINT');
  });

  it('fails if a credential cannot be sent in a header', async () => {
    const options: ChannelOptions = { ...CHANNEL, token: new Secret('canary\nline') };

    const outcome = await send((url, init) => fetch(url, init), options);

    expect(outcome).toMatchObject({ result: 'failed', answer: 'the request cannot be sent' });
    expect(JSON.stringify(outcome)).not.toContain('canary');
  });

  it.each(['hook.example.com', 'file:///etc/passwd', ''])('fails if its address is %j', async (url) => {
    const never = (): Response => {
      throw new Error('a request was made');
    };

    expect(await send(never, { ...CHANNEL, url: new Secret(url) })).toMatchObject({
      result: 'failed',
      answer: 'the address is not a URL',
    });
  });

  it('reads only the start of a long answer', async () => {
    let read = 0;
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        read++;
        controller.enqueue(new TextEncoder().encode('x'.repeat(4096)));
      },
      cancel: () => void (cancelled = true),
    });

    const outcome = await send(() => new Response(endless, { status: 400 }));

    expect(outcome).toEqual({ result: 'failed', answer: `HTTP 400: ${'x'.repeat(300)}...` });
    expect([cancelled, read < 10]).toEqual([true, true]);
  });

  it.each([
    ['seconds', '7', 7000],
    ['a date in the past', 'Thu, 01 Jan 2026 00:00:00 GMT', 0],
    ['nonsense', 'soon', undefined],
  ])('waits as Retry-After says: %s', async (_, header, afterMs) => {
    const outcome = await send(() => new Response('', { status: 429, headers: { 'retry-after': header } }));

    expect(outcome).toEqual({
      result: 'retry',
      answer: 'HTTP 429',
      ...(afterMs !== undefined && { afterMs }),
    });
  });

  it.each([
    [204, 'sent'],
    [301, 'failed'],
    [400, 'failed'],
    [401, 'failed'],
    [404, 'failed'],
    [408, 'retry'],
    [410, 'failed'],
    [429, 'retry'],
    [500, 'retry'],
  ])('HTTP %i is %s', async (status, result) => {
    expect(await send(() => new Response(null, { status }))).toMatchObject({ result });
  });
});
