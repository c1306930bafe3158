import { stringify } from 'lossless-json';
import { FetchError } from '../../fetch/errors.ts';
import type { Call, HttpRequest } from '../../fetch/http.ts';
import { changedError } from '../../fetch/http-errors.ts';
import type { Context } from '../provider.ts';
import { CREDENTIALS_HINT, vendorError } from './errors.ts';
import type { Options } from './options.ts';
import { MemberPage, TokenResponse, UsageResponse, type MemberUsage } from './schema.ts';
import { createTokens, renewAt, type Token } from './token.ts';

/** Members per page. */
export const PAGE_SIZE = 100;

interface UsageQuery {
  /** Unix seconds, as the API takes them. */
  readonly start_time: number;
  readonly end_time: number;
  /** Exactly one of the two: if both are given, the vendor ignores the addresses. */
  readonly emails?: readonly string[];
  readonly user_ids?: readonly bigint[];
}

/** The requests that a job needs. All throw FetchError. */
export interface Client {
  memberPage(page: number, signal: AbortSignal): Promise<MemberPage>;
  usage(query: UsageQuery, signal: AbortSignal): Promise<MemberUsage[]>;
}

export function createClient(options: Options, { http, now }: Context): Client {
  const { app_id, app_secret, base_url, token_path } = options;
  const tokens = createTokens(requestToken, now);

  async function requestToken(signal: AbortSignal): Promise<Token> {
    const action = 'auth-token';
    try {
      const { token, seconds } = await http.call({
        action,
        build: () => post(token_path, { app_id, app_secret: app_secret.reveal() }),
        check: (response) => vendorError(response, action, [app_secret]),
        answer: TokenResponse,
        signal,
      });
      return { value: token, renewAt: renewAt(now(), seconds) };
    } catch (error) {
      if (!(error instanceof FetchError)) throw error;
      // Only other credentials or another URL can fix a refused token request.
      const fatal = error.kind === 'refused' || error.kind === 'expired_token';
      throw fatal ? changedError(error, { kind: 'credentials', hint: CREDENTIALS_HINT }) : error;
    }
  }

  function post(path: string, body: unknown): HttpRequest {
    return {
      method: 'POST',
      url: base_url + path,
      headers: { 'content-type': 'application/json' },
      body: stringify(body) ?? '',
    };
  }

  /** A request with a token, which is renewed once if the vendor reports it as expired. */
  function authorised<T>(
    call: Pick<Call<T>, 'action' | 'answer' | 'signal'> & { request: HttpRequest },
  ): Promise<T> {
    const { action, answer, request, signal } = call;
    let token: Token | undefined;
    return http.call({
      action,
      answer,
      signal,
      prepare: async () => {
        token = await tokens.get(signal);
      },
      build: () => ({
        ...request,
        headers: { ...request.headers, authorization: `Bearer ${token?.value.reveal()}` },
      }),
      check: (response) => vendorError(response, action, token ? [app_secret, token.value] : [app_secret]),
      refresh: () => tokens.drop(token),
    });
  }

  return {
    memberPage: (page, signal) =>
      authorised({
        action: 'users',
        request: {
          method: 'GET',
          url: `${base_url}/openapi/v1/users?page=${page}&page_size=${PAGE_SIZE}`,
        },
        answer: MemberPage,
        signal,
      }),
    usage: (query, signal) =>
      authorised({
        action: 'user-model-usage',
        request: post('/openapi/v1/statistics/user-model-usage', query),
        answer: UsageResponse,
        signal,
      }),
  };
}
