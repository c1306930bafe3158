import { withDeadline } from '../../lib/deadline.ts';
import { StoreError } from '../store.ts';
import type { Access, Connection } from './connection.ts';
import { networkFault, Unavailable, withRetries, type RetryPolicy } from './unavailable.ts';
import { hintOfAnswer } from './write-outcome.ts';

export interface HttpOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly timeoutMs: number;
}

export interface QueryContext extends HttpOptions {
  readonly connection: Connection;
  readonly retryPolicy: RetryPolicy;
}

/** A GET where there is no body. */
export type Body = { readonly form: Record<string, string> } | { readonly json: unknown } | undefined;

const NEVER = new AbortController().signal;

/**
 * Asks the server and gives back the text of its answer.
 * @throws Unavailable after the last attempt; StoreError of kind `config` where a person must act
 */
export function ask(queryContext: QueryContext, path: string, body?: Body): Promise<string> {
  return withRetries(() => askOnce(queryContext, path, body), queryContext.retryPolicy, NEVER);
}

/** Whatever the server answers, its status included. @throws Unavailable when there is no whole answer */
export function request(
  { fetch, timeoutMs }: HttpOptions,
  access: Access,
  path: string,
  body?: Body,
): Promise<{ status: number; headers: Headers; text: string }> {
  return withDeadline(NEVER, timeoutMs, async (signal) => {
    try {
      const request = requestOf(access, body);
      const response = await fetch(access.url + path, { ...request, redirect: 'manual', signal });
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (error) {
      throw networkFault(error, access);
    }
  });
}

function requestOf(access: Access, body: Body): RequestInit {
  const headers = access.authorize();
  if (!body) return { headers };
  if ('form' in body) return { headers, method: 'POST', body: new URLSearchParams(body.form) };
  return {
    headers: { ...headers, 'content-type': 'application/json' },
    method: 'POST',
    body: JSON.stringify(body.json),
  };
}

async function askOnce(queryContext: QueryContext, path: string, body: Body): Promise<string> {
  const { connection } = queryContext;
  const { status, text } = await request(queryContext, connection, path, body);
  if (status >= 200 && status < 300) return text;
  const reason = connection.redact(text.trim());
  const message = `${connection.description} answered HTTP ${status} to ${path.split('?', 1)[0]}: ${reason}`;
  if (status === 408 || status === 429 || status >= 500) throw new Unavailable(message);
  throw new StoreError('config', message, { hint: hintOfAnswer(status, reason, connection.version) });
}
