import { setMaxListeners } from 'node:events';
import { withDeadline } from '../../lib/deadline.ts';
import { measurementNamed, type Catalogue, type Measurement } from '../../usage/catalogue.ts';
import { MEASUREMENT } from '../../usage/point.ts';
import { parseJson } from '../../usage/json.ts';
import { StoreError } from '../store.ts';
import type { Access, Connection } from './connection.ts';
import { documentSplitter } from './documents.ts';
import { networkFault, Unavailable, withRetries, type RetryPolicy } from './unavailable.ts';
import { hintOfAnswer } from './write-outcome.ts';

export interface HttpOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly timeoutMs: number;
}

export interface QueryContext extends HttpOptions {
  readonly connection: Connection;
  readonly catalogue: Catalogue;
  readonly retryPolicy: RetryPolicy;
}

/** Without a body the request is a GET. */
export type Body = { readonly form: Record<string, string> } | { readonly json: unknown } | undefined;

export interface TextResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** The measurement of a query. @throws RangeError for one that is not in the catalogue */
export function measurementOf(
  { catalogue }: QueryContext,
  { measurement = MEASUREMENT }: { readonly measurement?: string },
): Measurement {
  return measurementNamed(catalogue, measurement);
}

const NEVER = new AbortController().signal;
// Every request under way adds a listener.
setMaxListeners(0, NEVER);
/** Maximum length of an answer that is read as one text: metrics, errors, versions. */
const MAX_TEXT = 16 * 1024 * 1024;
/** Maximum length of one JSON document: 10,000 rows of InfluxQL, or one field of a series of VictoriaMetrics. */
const MAX_DOCUMENT = 64 * 1024 * 1024;

/**
 * The text of a short answer.
 * @throws Unavailable after the last attempt; StoreError of kind `config` if a person must act
 */
export function ask(queryContext: QueryContext, path: string, body?: Body): Promise<string> {
  const { connection } = queryContext;
  return withRetries(
    async () => {
      const { status, text } = await request(queryContext, connection, path, body);
      if (!isOk(status)) throw refusal(connection, path, status, text);
      return text;
    },
    queryContext.retryPolicy,
    NEVER,
  );
}

/**
 * Reads a stream of JSON documents, with or without separators, one by one: an answer of any length needs little
 * memory. Integers are exact. Each attempt starts with a new state.
 * @throws Unavailable after the last attempt; StoreError of kind `config` if a person must act
 */
export function readDocuments<T>(
  queryContext: QueryContext,
  path: string,
  body: Body,
  begin: () => T,
  add: (state: T, document: unknown) => void,
): Promise<T> {
  const { connection } = queryContext;
  const attempt = (): Promise<T> =>
    open(queryContext, connection, path, body, async (response) => {
      if (!isOk(response.status)) {
        throw refusal(connection, path, response.status, await textOf(response, connection));
      }
      const state = begin();
      const splitter = documentSplitter(MAX_DOCUMENT);
      for await (const text of textsOf(response, connection)) {
        for (const document of split(() => splitter.push(text), connection)) {
          add(state, parsed(document, connection));
        }
      }
      if (splitter.rest() !== '') throw notJson(connection);
      return state;
    });
  return withRetries(attempt, queryContext.retryPolicy, NEVER);
}

/** @returns any answer, whatever its status @throws Unavailable if there is no complete answer */
export function request(http: HttpOptions, access: Access, path: string, body?: Body): Promise<TextResponse> {
  return open(http, access, path, body, async (response) => ({
    status: response.status,
    headers: response.headers,
    text: await textOf(response, access),
  }));
}

/** Sends a request and reads its answer under one deadline. @throws Unavailable on a network error */
function open<T>(
  { fetch, timeoutMs }: HttpOptions,
  access: Access,
  path: string,
  body: Body,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  return withDeadline(NEVER, timeoutMs, async (signal) => {
    const init: RequestInit = { ...requestOf(access, body), redirect: 'manual', signal };
    const response = await fetch(access.url + path, init).catch((error: unknown) => {
      throw networkFault(error, access);
    });
    return read(response);
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

async function* textsOf({ body }: Response, access: Access): AsyncGenerator<string> {
  if (!body) return;
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>)
      yield decoder.decode(chunk, { stream: true });
  } catch (error) {
    throw networkFault(error, access);
  }
  yield decoder.decode();
}

async function textOf(response: Response, access: Access): Promise<string> {
  const parts: string[] = [];
  let length = 0;
  for await (const text of textsOf(response, access)) {
    length += text.length;
    if (length > MAX_TEXT) throw tooLarge(access, MAX_TEXT);
    parts.push(text);
  }
  return parts.join('');
}

function split(cut: () => string[], access: Access): string[] {
  try {
    return cut();
  } catch (error) {
    throw error instanceof RangeError ? tooLarge(access, MAX_DOCUMENT) : error;
  }
}

function parsed(document: string, access: Access): unknown {
  try {
    return parseJson(document);
  } catch {
    throw notJson(access);
  }
}

function isOk(status: number): boolean {
  return status >= 200 && status < 300;
}

function refusal(connection: Connection, path: string, status: number, text: string): StoreError {
  const reason = connection.redact(text.trim());
  const message = `${connection.description} answered HTTP ${status} to ${path.split('?', 1)[0]}: ${reason}`;
  if (status === 408 || status === 429 || status >= 500) return new Unavailable(message);
  return new StoreError('config', message, { hint: hintOfAnswer(status, reason, connection.version) });
}

function notJson({ description }: Access): StoreError {
  return new StoreError('config', `${description} answered a query with text that is truncated or not JSON`, {
    hint: 'check INFLUX_HOST, INFLUX_VERSION and any proxy',
  });
}

function tooLarge({ description }: Access, limit: number): StoreError {
  return new StoreError('config', `${description} answered with more than ${limit} characters at once`, {
    hint: 'use a shorter range; check INFLUX_HOST and any proxy',
  });
}
