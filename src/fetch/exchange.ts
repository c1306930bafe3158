import { withDeadline } from '../lib/deadline.ts';
import { parseJson } from '../usage/json.ts';
import { readText } from './body.ts';
import { FetchError } from './errors.ts';
import type { Call, HttpResponse, HttpRequest } from './http.ts';
import type { CallEvent, HttpSettings } from './options.ts';
import { changedError, kindOfStatus, networkError, notJson, shapeError, statusError } from './http-errors.ts';
import { redactUrl } from './redact-url.ts';
import { parseRetryAfter } from './retry-after.ts';
import { cancelled } from './signals.ts';

interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly bytes: number;
}

/** One request and its answer. `onCall` is called in every case. @throws FetchError */
export async function exchange<T>(call: Call<T>, request: HttpRequest, settings: HttpSettings): Promise<T> {
  const { action } = call;
  const { now, onCall } = settings;
  const where = redactUrl(request.url);
  if (!URL.canParse(request.url) || new URL(request.url).host !== settings.host) {
    const hint = 'Check `base_url` and the paths among the options.';
    throw new FetchError('refused', `${action}: ${where} is not at ${settings.host}`, { hint });
  }
  const started = now();
  let answer: RawAnswer | undefined;
  const report = (result: CallEvent['result']): void => {
    const received = answer && { status: answer.status, bytes: answer.bytes };
    onCall?.({ action, result, url: where, ...received, ms: now() - started });
  };
  try {
    answer = await receive(call, request, where, settings);
    const value = await classifyResponse(call, where, answer);
    report('ok');
    return value;
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    report(error.kind);
    throw answer ? withRetryAfter(error, answer.headers, settings) : error;
  }
}

async function receive(
  call: Call<unknown>,
  request: HttpRequest,
  where: string,
  settings: HttpSettings,
): Promise<RawAnswer> {
  const { timeoutMs } = settings;
  const { action, signal } = call;
  let timedOut = false;
  try {
    return await withDeadline(signal, timeoutMs, async (deadline) => {
      deadline.addEventListener('abort', () => (timedOut = !signal.aborted), { once: true });
      const response = await settings.fetch(request.url, {
        method: request.method,
        headers: { accept: 'application/json', 'user-agent': 'tokentide', ...request.headers },
        ...(request.body === undefined ? {} : { body: request.body }),
        // A redirect would send the credentials to another address.
        redirect: 'manual',
        signal: deadline,
      });
      const { headers, status } = response;
      return { status, headers, ...(await readText(response, settings, action)) };
    });
  } catch (error) {
    if (error instanceof FetchError) throw error;
    if (signal.aborted) throw cancelled(action);
    if (timedOut) {
      throw new FetchError('unavailable', `${action}: no answer from ${where} within ${timeoutMs} ms`);
    }
    throw networkError(action, where, error);
  }
}

/** Checks an answer in this order: JSON, the vendor's envelope, HTTP status, schema. */
async function classifyResponse<T>(call: Call<T>, where: string, raw: RawAnswer): Promise<T> {
  const { action } = call;
  const { headers, status } = raw;
  const kind = status === 401 && call.refresh ? 'expired_token' : kindOfStatus(status);
  if (status >= 300 && status < 400) throw statusError(action, where, status, 'refused');
  let body: unknown;
  try {
    body = parseJson(raw.text);
  } catch {
    // The parser's error quotes the answer.
    throw notJson(action, where, status, kind ?? 'unavailable', raw.text);
  }
  const answer: HttpResponse = { status, headers, body };
  const problem = call.check?.(answer);
  if (problem) throw problem;
  if (kind) throw statusError(action, where, status, kind);
  const parsed = await call.answer.safeParseAsync(body);
  if (!parsed.success) throw shapeError(action, answer, parsed.error);
  return parsed.data;
}

/** The same error with the delay of `Retry-After`. */
function withRetryAfter(error: FetchError, headers: Headers, settings: HttpSettings): FetchError {
  const { maxRetryAfterMs, now } = settings;
  const retryAfterMs = error.retryAfterMs ?? parseRetryAfter(headers.get('retry-after'), now());
  if (!error.retriable || retryAfterMs === undefined) return error;
  if (retryAfterMs <= maxRetryAfterMs) return changedError(error, { retryAfterMs });
  const asked = `the vendor asks to wait ${Math.ceil(retryAfterMs / 1000)} s`;
  const message = `${error.message}; ${asked}, more than the ${maxRetryAfterMs / 1000} s that a call waits`;
  return changedError(error, { message, retryAfterMs });
}
