import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FetchError } from '../../src/fetch/errors.ts';
import type { Call } from '../../src/fetch/http.ts';
import { concurrencyLimiters } from '../../src/fetch/limits.ts';
import { memoryRateLimiter } from '../support/memory-rate-limiter.ts';
import { hang, json, stubbedHttp, type Reply } from '../support/stub-fetch.ts';

function call(over: Partial<Call<{ ok: boolean }>> = {}): Call<{ ok: boolean }> {
  return {
    action: 'usage',
    build: () => ({ method: 'GET', url: 'https://api.example.com/usage?key=1' }),
    answer: z.object({ ok: z.boolean() }),
    signal: new AbortController().signal,
    ...over,
  };
}

async function failure(promise: Promise<unknown>): Promise<FetchError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof FetchError)) throw new Error(`not a FetchError: ${String(error)}`);
  return error;
}

const good = json({ ok: true });
const slow = json({}, 429, { 'retry-after': '7' });

describe('retries', () => {
  it.each<{ name: string; replies: Reply[] }>([
    { name: 'HTTP 503', replies: [json({}, 503)] },
    { name: 'HTTP 408', replies: [json({}, 408)] },
    { name: 'HTTP 429', replies: [json({}, 429)] },
    { name: 'a network fault', replies: [new TypeError('fetch failed', { cause: coded('ECONNRESET') })] },
    { name: 'an HTML page', replies: [new Response('<html>', { status: 200 })] },
    { name: 'cut-off JSON', replies: [new Response('{"ok": tr', { status: 200 })] },
  ])('asks again after $name', async ({ replies }) => {
    const { http, requests } = stubbedHttp([...replies, good]);

    const answer = await http.call(call());

    expect(answer).toEqual({ ok: true });
    expect(requests).toHaveLength(2);
  });

  it('waits longer each time, with full jitter, and gives up after the last attempt', async () => {
    const draws = [1, 0.5, 0.25, 0.125];
    const { http, clock, requests } = stubbedHttp([json({}, 500)], { random: () => draws.shift()! });

    const error = await failure(http.call(call()));

    expect(error).toMatchObject({ kind: 'unavailable', status: 500 });
    expect(requests).toHaveLength(5);
    expect(clock.slept.filter((ms) => ms > 1)).toEqual([1000, 1000, 1000, 1000]);
  });

  it.each([
    { status: 400, kind: 'refused' },
    { status: 401, kind: 'credentials' },
    { status: 403, kind: 'permission' },
    { status: 404, kind: 'refused' },
    { status: 302, kind: 'refused' },
  ])('does not repeat HTTP $status: $kind', async ({ status, kind }) => {
    const { http, requests } = stubbedHttp([json({}, status)]);

    const error = await failure(http.call(call()));

    expect(error).toMatchObject({ kind, status });
    expect(error.hint).toBeTruthy();
    expect(requests).toHaveLength(1);
  });

  it('builds every attempt again', async () => {
    let built = 0;
    const build = (): { method: 'GET'; url: string } => ({
      method: 'GET',
      url: `https://api.example.com/usage?attempt=${++built}`,
    });
    const urls: string[] = [];
    const note = (url: string): Response => {
      urls.push(url);
      return json({}, 503);
    };
    const { http } = stubbedHttp([note, note, good]);

    await http.call(call({ build }));

    expect(urls.map((url) => new URL(url).search)).toEqual(['?attempt=1', '?attempt=2']);
    expect(built).toBe(3);
  });

  it('passes on an error of the caller itself, unrepeated', async () => {
    const { http, requests } = stubbedHttp([good]);
    const build = (): never => {
      throw new TypeError('a mistake in build');
    };

    await expect(http.call(call({ build }))).rejects.toThrow('a mistake in build');

    expect(requests).toHaveLength(0);
  });
});

describe('an expired token', () => {
  const expired = (): FetchError => new FetchError('expired_token', 'usage: the token has expired');

  it.each<{ name: string; reply: Reply; check?: Call<unknown>['check'] }>([
    { name: 'HTTP 401', reply: json({}, 401) },
    { name: 'HTTP 401 without JSON', reply: new Response('', { status: 401 }) },
    {
      name: 'the vendor code',
      reply: json({ code: 1002 }),
      check: ({ body }) => ((body as { code?: number }).code === 1002 ? expired() : undefined),
    },
  ])('is refreshed once after $name', async ({ reply, check }) => {
    let refreshed = 0;
    const { http } = stubbedHttp([reply, good]);

    const answer = await http.call(call({ refresh: () => refreshed++, ...(check ? { check } : {}) }));

    expect(answer).toEqual({ ok: true });
    expect(refreshed).toBe(1);
  });

  it('is an error of credentials if the new token is refused too', async () => {
    let refreshed = 0;
    const { http, requests } = stubbedHttp([json({}, 401)]);

    const error = await failure(http.call(call({ refresh: () => refreshed++ })));

    expect(error).toMatchObject({ kind: 'credentials', status: 401 });
    expect(refreshed).toBe(1);
    expect(requests).toHaveLength(2);
  });

  it('is fetched before the attempt, outside the rate limit, and its errors end the call', async () => {
    const { http, requests } = stubbedHttp([json({ ok: true })], {
      limit: { perSecond: 1000, concurrency: 1 },
    });
    const nested = http.call(
      call({ prepare: async () => void (await http.call(call({ action: 'token' }))) }),
    );
    await expect(nested).resolves.toEqual({ ok: true });
    expect(requests).toHaveLength(2);

    const prepare = (): Promise<void> => Promise.reject(new FetchError('unavailable', 'token: down'));
    const error = await failure(http.call(call({ prepare })));

    expect(error.message).toBe('token: down');
    expect(requests).toHaveLength(2);
  });
});

describe('limits', () => {
  it('spaces requests and never exceeds the concurrency', async () => {
    let underWay = 0;
    let most = 0;
    const count = async (): Promise<Response> => {
      most = Math.max(most, ++underWay);
      await new Promise(setImmediate);
      underWay--;
      return json({ ok: true });
    };
    const { http, sentAt } = stubbedHttp([count], { limit: { perSecond: 2, concurrency: 2 } });

    await Promise.all(Array.from({ length: 6 }, () => http.call(call())));

    expect(sentAt).toEqual([0, 500, 1000, 1500, 2000, 2500]);
    expect(most).toBeLessThanOrEqual(2);
  });

  it('shares the limits of a host between jobs; the smallest concurrency applies', async () => {
    const rateLimiter = memoryRateLimiter();
    const limiters = concurrencyLimiters();
    const one = stubbedHttp([good], { rateLimiter, limiters, limit: { perSecond: 1, concurrency: 3 } });
    const other = stubbedHttp([good], { rateLimiter, limiters, limit: { perSecond: 1, concurrency: 1 } });

    await one.http.call(call());
    await other.http.call(call());

    expect(other.sentAt).toEqual([1000]);
    const { queue } = limiters('api.example.com', { perSecond: 1, concurrency: 5 });
    expect(queue.concurrency).toBe(1);
  });

  it('the lowest rate of all jobs of a host applies to each of them', async () => {
    const [rateLimiter, limiters] = [memoryRateLimiter(), concurrencyLimiters()];
    const fast = stubbedHttp([good], { rateLimiter, limiters, limit: { perSecond: 10, concurrency: 1 } });
    stubbedHttp([good], { rateLimiter, limiters, limit: { perSecond: 0.5, concurrency: 1 } });

    await fast.http.call(call());
    await fast.http.call(call());

    expect(fast.sentAt).toEqual([0, 2000]);
  });

  it.each([
    { name: 'seconds', header: '7', wait: 7000 },
    { name: 'an HTTP date', header: 'Thu, 01 Oct 2026 00:00:09 GMT', wait: 9000 },
    { name: 'a date gone by', header: 'Wed, 30 Sep 2026 00:00:00 GMT', wait: 1 },
    { name: 'nonsense, so back-off', header: 'soon', wait: 1000 },
  ])('Retry-After as $name', async ({ header, wait }) => {
    const { http, sentAt } = stubbedHttp([json({}, 429, { 'retry-after': header }), good]);

    await http.call(call());

    expect(sentAt).toEqual([0, wait]);
  });

  it('Retry-After of HTTP 503 counts too, also where the envelope made the error', async () => {
    const check: Call<unknown>['check'] = ({ status }) =>
      status === 200 ? undefined : new FetchError('unavailable', 'usage: busy');
    const { http, sentAt } = stubbedHttp([json({}, 503, { 'retry-after': '20' }), good]);

    await http.call(call({ check }));

    expect(sentAt).toEqual([0, 20_000]);
  });

  it('a 429 pauses every call to the host, also one that already had a slot', async () => {
    const limit = { perSecond: 1, concurrency: 2 };
    const { http, sentAt } = stubbedHttp([slow, good], { limit });

    await Promise.all([http.call(call()), http.call(call())]);

    expect(sentAt).toEqual([0, 7000, 8000]);
  });

  it('refuses a Retry-After above the maximum, and reports it', async () => {
    const { http, requests, sentAt } = stubbedHttp([json({}, 429, { 'retry-after': '3600' }), good]);

    const error = await failure(http.call(call()));

    expect(error).toMatchObject({ kind: 'rate_limited', retryAfterMs: 3_600_000 });
    expect(error.message).toContain('the vendor asks to wait 3600 s, more than the 600 s that a call waits');
    expect(requests).toHaveLength(1);

    await http.call(call());

    expect(sentAt).toEqual([0, 600_000]);
  });
});

describe('cancellation', () => {
  it.each<{ name: string; replies: Reply[]; limit: { perSecond: number; concurrency: number } }>([
    { name: 'during back-off', replies: [json({}, 503), good], limit: { perSecond: 1000, concurrency: 1 } },
    { name: 'while waiting for a slot', replies: [good], limit: { perSecond: 0.001, concurrency: 2 } },
    { name: 'in the queue', replies: [good], limit: { perSecond: 0.001, concurrency: 1 } },
    { name: 'during a pause', replies: [slow, good], limit: { perSecond: 1000, concurrency: 1 } },
  ])('$name', async ({ replies, limit }) => {
    const shutdown = new AbortController();
    let asleep = 0;
    const sleep = (): Promise<void> => {
      asleep++;
      setImmediate(() => shutdown.abort(new Error('shutdown')));
      return new Promise(() => undefined);
    };
    const { http, requests } = stubbedHttp(replies, { sleep, limit });

    const ends = await Promise.allSettled([1, 2, 3].map(() => http.call(call({ signal: shutdown.signal }))));

    const cancelled = ends.filter((end) => end.status === 'rejected');
    expect(cancelled.length).toBeGreaterThanOrEqual(2);
    for (const end of cancelled) expect(end.reason).toMatchObject({ kind: 'cancelled' });
    expect(asleep).toBeGreaterThan(0);
    expect(requests).toHaveLength(1);
  });

  it('of a request under way', async () => {
    const shutdown = new AbortController();
    const { http, events } = stubbedHttp([hang]);

    const ended = failure(http.call(call({ signal: shutdown.signal })));
    setImmediate(() => shutdown.abort());

    expect((await ended).kind).toBe('cancelled');
    await new Promise(setImmediate);
    expect(events.map((event) => event.result)).toEqual(['cancelled']);
  });

  it('before anything is sent', async () => {
    const { http, requests } = stubbedHttp([good]);

    const error = await failure(http.call(call({ signal: AbortSignal.abort() })));

    expect(error.kind).toBe('cancelled');
    expect(requests).toHaveLength(0);
  });
});

describe('answers', () => {
  it('time out', async () => {
    const { http, requests } = stubbedHttp([hang], { timeoutMs: 5, attempts: 2 });

    const error = await failure(http.call(call()));

    expect(error.kind).toBe('unavailable');
    expect(error.message).toBe('usage: no answer from https://api.example.com/usage within 5 ms');
    expect(requests).toHaveLength(2);
  });

  it('are given up when they grow too large, in mid-stream', async () => {
    let cancelled = false;
    const endless = (): Response =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(1000)),
          cancel: () => {
            cancelled = true;
          },
        }),
      );
    const { http } = stubbedHttp([endless], { maxBytes: 10_000 });

    const error = await failure(http.call(call()));

    expect(error).toMatchObject({
      kind: 'invalid_response',
      message: 'usage: the answer has more than 10000 bytes',
    });
    expect(cancelled).toBe(true);
  });

  it.each([
    ['values', `[${'1,'.repeat(2_000)}1]`],
    ['objects', '{"a":'.repeat(2_000)],
    ['arrays', '['.repeat(2_000)],
  ])('are refused with too many %s, whatever their size', async (_, body) => {
    const { http, requests } = stubbedHttp([() => new Response(body)], { maxValues: 1_000 });

    const error = await failure(http.call(call()));

    expect(error).toMatchObject({
      kind: 'invalid_response',
      message: 'usage: the answer has more than 1000 values',
    });
    expect(requests).toHaveLength(1);
  });

  it('keep integers above 2^53 and characters that straddle chunks', async () => {
    const bytes = new TextEncoder().encode('{"n": 9223372036854775807, "who": "模型"}');
    const byteByByte = (): Response =>
      new Response(
        new ReadableStream({
          start: (controller) => {
            for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
            controller.close();
          },
        }),
      );
    const { http } = stubbedHttp([byteByByte]);

    const answer = await http.call({ ...call(), answer: z.object({ n: z.bigint(), who: z.string() }) });

    expect(answer).toEqual({ n: 9223372036854775807n, who: '模型' });
  });

  it.each([
    { body: '<html>', status: 502, says: 'HTML, not JSON (HTTP 502)', kind: 'unavailable' },
    { body: '<html>', status: 404, says: 'HTML, not JSON (HTTP 404)', kind: 'refused' },
    { body: '', status: 200, says: 'an empty body (HTTP 200)', kind: 'unavailable' },
    {
      body: '{"a": [1',
      status: 200,
      says: 'JSON that is truncated or malformed (HTTP 200)',
      kind: 'unavailable',
    },
    { body: 'OK', status: 200, says: 'text, not JSON (HTTP 200)', kind: 'unavailable' },
  ])('that are not JSON: $says', async ({ body, status, says, kind }) => {
    const { http } = stubbedHttp([new Response(body, { status })], { attempts: 1 });

    const error = await failure(http.call(call()));

    expect(error).toMatchObject({ kind, status });
    expect(error.message).toBe(`usage: https://api.example.com/usage answered ${says}`);
  });

  it('of another shape name the places, at most five, and no values', async () => {
    const Answer = z.object({
      data: z.object({ items: z.array(z.object({ email: z.string(), n: z.int().nonnegative() })) }),
    });
    const items = Array.from({ length: 7 }, () => ({ email: 'a@example.com', n: 'hush' }));
    const { http, requests } = stubbedHttp([json({ data: { items } })]);

    const error = await failure(http.call({ ...call(), answer: Answer }));

    expect(error.kind).toBe('invalid_response');
    expect(error.message).toBe(
      `usage: unexpected answer: ${[0, 1, 2, 3, 4]
        .map((i) => `data.items[${i}].n: expected number, received string`)
        .join('; ')}; and 2 more`,
    );
    expect(requests).toHaveLength(1);
  });

  it('show the vendor envelope to `check` whatever the status', async () => {
    const seen: number[] = [];
    const check: Call<unknown>['check'] = ({ status }) => {
      seen.push(status);
      return status === 400 ? new FetchError('refused', 'usage: no such member', { code: '7' }) : undefined;
    };
    const { http } = stubbedHttp([json({}, 503), json({}, 400)]);

    const error = await failure(http.call(call({ check })));

    expect(seen).toEqual([503, 400]);
    expect(error).toMatchObject({ kind: 'refused', code: '7', message: 'usage: no such member' });
  });

  it('are reported to onCall, one by one', async () => {
    const { http, events } = stubbedHttp([json({}, 503), new TypeError('terminated'), good]);

    await http.call(call());

    const url = 'https://api.example.com/usage';
    expect(events).toEqual([
      { action: 'usage', url, result: 'unavailable', status: 503, bytes: 2, ms: 0 },
      { action: 'usage', url, result: 'unavailable', ms: 0 },
      { action: 'usage', url, result: 'ok', status: 200, bytes: 11, ms: 0 },
    ]);
  });
});

function coded(code: string): Error {
  return Object.assign(new Error(`connect ${code} 192.0.2.1:443`), { code });
}
