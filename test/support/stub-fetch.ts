import { createHttp } from '../../src/fetch/client.ts';
import type { Http } from '../../src/fetch/http.ts';
import { memoryRateLimiter } from './memory-rate-limiter.ts';
import type { CallEvent, HttpOptions } from '../../src/fetch/options.ts';
import { fakeClock, type FakeClock } from './fake-clock.ts';

export type Reply = Response | Error | ((url: string, init: RequestInit) => Response | Promise<Response>);

/** A `fetch` that gives the replies in order, the last one for ever. */
function stubFetch(...replies: Reply[]): { fetch: typeof globalThis.fetch; requests: RequestInit[] } {
  const requests: RequestInit[] = [];
  const fetch = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const reply = replies[Math.min(requests.length, replies.length - 1)]!;
    requests.push(init);
    if (reply instanceof Error) throw reply;
    return typeof reply === 'function'
      ? reply(url instanceof Request ? url.url : url.toString(), init)
      : reply.clone();
  };
  return { fetch, requests };
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}

/** Answers nothing until the request is given up. */
export function hang(_: string, init: RequestInit): Promise<Response> {
  return new Promise((_, reject) =>
    init.signal!.addEventListener('abort', () => reject(init.signal!.reason as Error), { once: true }),
  );
}

export interface StubbedHttp {
  readonly http: Http;
  readonly clock: FakeClock;
  readonly events: CallEvent[];
  /** The requests as they were sent, and when, milliseconds after the start. */
  readonly requests: RequestInit[];
  readonly sentAt: number[];
}

export function stubbedHttp(replies: Reply[], options: Partial<HttpOptions> = {}): StubbedHttp {
  const clock = fakeClock();
  const start = clock.now();
  const stub = stubFetch(...replies);
  const events: CallEvent[] = [];
  const sentAt: number[] = [];
  const http = createHttp({
    baseUrl: 'https://api.example.com',
    limit: { perSecond: 1000, concurrency: 4 },
    rateLimiter: memoryRateLimiter(),
    fetch: (url, init) => {
      sentAt.push(clock.now() - start);
      return stub.fetch(url, init);
    },
    sleep: clock.sleep,
    now: clock.now,
    random: () => 1,
    onCall: (event) => events.push(event),
    ...options,
  });
  return { http, clock, events, requests: stub.requests, sentAt };
}
