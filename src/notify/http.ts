import { parseRetryAfter } from '../fetch/retry-after.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { Secret } from '../lib/secret.ts';
import type { Message } from './message.ts';
import { failed, RETRY, type Meaning, type Outcome } from './outcome.ts';
import { displayAnswer, secretsOf } from './redact.ts';
import type { NotifyIo, Sender } from './sender.ts';

/** One POST of JSON. Its address is a credential: it must not be shown. */
export interface NotifyRequest {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The parsed text, if it is a JSON object. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** A service that takes messages over HTTP. */
export interface HttpKind<Options> {
  readonly request: (message: Message, options: Options, nowMs: number) => NotifyRequest;
  /** The meaning of an answer where it is not that of the HTTP status. Many robots report errors with HTTP 200. */
  readonly meaning?: (answer: Answer) => Meaning | undefined;
}

/** Answers are short; more of one is not read. */
const LONGEST_ANSWER = 16_384;
const CHECK_ADDRESS = 'Check the address of the channel: copy it again from the settings of the service.';
const UNSENDABLE = 'A credential holds a line break or another character that HTTP does not carry.';

export function httpSender<Options extends Readonly<Record<string, unknown>>>(
  kind: HttpKind<Options>,
  options: Options,
): Sender {
  const secrets = secretsOf(options);
  return {
    send: async (message, io) => {
      try {
        const request = kind.request(message, options, io.now());
        if (!URL.canParse(request.url) || !/^https?:$/.test(new URL(request.url).protocol))
          return { result: 'failed', answer: 'the address is not a URL', hint: CHECK_ADDRESS };
        return await post(kind, request, secrets, io);
      } catch (error) {
        if (io.signal.aborted) throw io.signal.reason;
        if (isUnsendable(error))
          return { result: 'failed', answer: 'the request cannot be sent', hint: UNSENDABLE };
        return { result: 'retry', answer: displayAnswer(networkFault(error, io.timeoutMs), secrets) };
      }
    },
  };
}

async function post<Options>(
  kind: HttpKind<Options>,
  { url, headers, body }: NotifyRequest,
  secrets: readonly Secret[],
  { fetch, now, timeoutMs, signal }: NotifyIo,
): Promise<Outcome> {
  return withDeadline(signal, timeoutMs, async (deadline) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'tokentide', ...headers },
      body,
      // A redirect would send the credentials to another address.
      redirect: 'manual',
      signal: deadline,
    });
    const { status } = response;
    const text = await readStart(response);
    const meaning = kind.meaning?.({ status, text, json: jsonObject(text) }) ?? meaningOfStatus(status);
    const afterMs = parseRetryAfter(response.headers.get('retry-after'), now());
    const shown = displayAnswer(text, secrets);
    return {
      ...meaning,
      ...(meaning.result === 'retry' && afterMs !== undefined && { afterMs }),
      answer: `HTTP ${status}${shown === '' ? '' : `: ${shown}`}`,
    };
  });
}

function meaningOfStatus(status: number): Meaning {
  if (status >= 200 && status < 300) return { result: 'sent' };
  if (status === 408 || status === 429 || status >= 500) return RETRY;
  if (status === 401 || status === 403) return failed('Check the credentials of the channel.');
  if (status === 404 || status === 410 || (status >= 300 && status < 400)) return failed(CHECK_ADDRESS);
  return failed();
}

async function readStart(response: Response): Promise<string> {
  if (!response.body) return '';
  const decoder = new TextDecoder();
  let text = '';
  // Leaving the loop cancels the transfer.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length >= LONGEST_ANSWER) break;
  }
  return text;
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** `fetch` refuses the request itself, such as a header with a line break. */
function isUnsendable(error: unknown): boolean {
  return error instanceof TypeError && error.cause === undefined && error.message !== 'terminated';
}

/** Only codes of system errors: the messages of `fetch` may quote address and headers. */
function networkFault(error: unknown, timeoutMs: number): string {
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return `no answer within ${timeoutMs} ms`;
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const first = at instanceof AggregateError ? (at.errors[0] as unknown) : at;
    if (first instanceof Error && 'code' in first && typeof first.code === 'string')
      return `no answer: ${first.code}`;
  }
  return 'no answer: the connection was lost';
}
