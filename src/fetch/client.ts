import pRetry, { AbortError } from 'p-retry';
import { FetchError } from './errors.ts';
import { exchange } from './exchange.ts';
import type { Call, Http } from './http.ts';
import { withDefaults, type HttpOptions, type HttpSettings } from './options.ts';
import { changedError } from './http-errors.ts';
import { cancelled, orCancelled } from './signals.ts';

const FIRST_BACK_OFF_MS = 1000;
const LONGEST_BACK_OFF_MS = 60_000;

/** The HTTP client of one provider's API. */
export function createHttp(options: HttpOptions): Http {
  const settings = withDefaults(options);
  return { call: (call) => callWithRetries(call, settings) };
}

async function callWithRetries<T>(call: Call<T>, settings: HttpSettings): Promise<T> {
  let refreshed = false;
  const attempt = async (): Promise<T> => {
    try {
      return await send(call, settings);
    } catch (error) {
      if (!(error instanceof FetchError) || error.kind !== 'expired_token' || !call.refresh) throw error;
      const message = `${error.message} (also with a new token)`;
      if (refreshed) throw changedError(error, { kind: 'credentials', message });
      refreshed = true;
      call.refresh();
      return attempt();
    }
  };
  return pRetry(attempt, {
    retries: settings.attempts - 1,
    // `backOff` does the waiting, because there it can be injected and cancelled.
    minTimeout: 0,
    onFailedAttempt: ({ error, attemptNumber, retriesLeft }) =>
      backOff(call, error, attemptNumber, retriesLeft, settings),
    shouldRetry: ({ error }) =>
      error instanceof FetchError && error.retriable && (error.retryAfterMs ?? 0) <= settings.maxRetryAfterMs,
  });
}

/** Exponential with full jitter. A pause that the vendor asks for applies to every call to the host. */
async function backOff(
  call: Call<unknown>,
  error: Error,
  attempt: number,
  retriesLeft: number,
  settings: HttpSettings,
): Promise<void> {
  if (!(error instanceof FetchError) || !error.retriable) return;
  const { limiter, host, maxRetryAfterMs, now, random, sleep, rateLimiter } = settings;
  const ceiling = Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** (attempt - 1));
  const wait = Math.min(error.retryAfterMs ?? Math.ceil(random() * ceiling), maxRetryAfterMs);
  if (error.kind === 'rate_limited' || error.retryAfterMs !== undefined) {
    limiter.generation++;
    rateLimiter.pause(host, now() + wait);
    return;
  }
  if (retriesLeft > 0) await orCancelled(sleep(wait, call.signal), call.signal, call.action);
}

async function send<T>(call: Call<T>, settings: HttpSettings): Promise<T> {
  const { action, signal } = call;
  if (signal.aborted) throw cancelled(action);
  try {
    await call.prepare?.();
  } catch (error) {
    // Its own requests have been retried already.
    throw error instanceof Error ? new AbortError(error) : error;
  }
  const turn = settings.limiter.queue(async () => {
    await waitForTurn(call, settings);
    return exchange(call, await call.build(), settings);
  });
  return orCancelled(turn, signal, action);
}

async function waitForTurn(call: Call<unknown>, settings: HttpSettings): Promise<void> {
  const { limiter, host, now, sleep, rateLimiter } = settings;
  const { action, signal } = call;
  let generation: number;
  do {
    ({ generation } = limiter);
    if (signal.aborted) throw cancelled(action);
    const wait = rateLimiter.acquire(host, 1000 / limiter.perSecond, now()) - now();
    if (wait > 0) await orCancelled(sleep(wait, signal), signal, action);
    // The host may have been paused in the meantime.
  } while (limiter.generation > generation);
}
