import type { z } from 'zod';
import type { FetchError } from './errors.ts';

/** One request. Built again for every attempt, so that timestamps, signatures and tokens are current. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Status and parsed JSON of an answer, before validation. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface Call<T> {
  /** The vendor's name of the action, for metrics and errors: `GetUsage`, `user-model-usage`. */
  readonly action: string;
  /**
   * Runs before every attempt, outside the rate limit: for a request for the token that `build` needs. Its errors
   * end the call.
   */
  readonly prepare?: () => Promise<void>;
  /** Runs when the rate limit admits the request. It must not call `Http`, which would wait for itself. */
  readonly build: () => HttpRequest | Promise<HttpRequest>;
  /**
   * Reads the vendor's envelope of every JSON answer, whatever its HTTP status. @returns the error that it reports, or
   * undefined. The HTTP status is checked after it, and `Retry-After` is added to the error.
   */
  readonly check?: (answer: HttpResponse) => FetchError | undefined;
  /** The schema of a successful answer, with the used fields only. Its output is the result of the call. */
  readonly answer: z.ZodType<T>;
  /**
   * Called after the first `expired_token` error, before one more attempt; with it HTTP 401 counts as `expired_token`.
   * If that attempt fails in the same way, the call ends with `credentials`.
   */
  readonly refresh?: () => void;
  readonly signal: AbortSignal;
}

/** HTTP client of a provider: timeout, size limit, retries, rate limit, `Retry-After`, errors. */
export interface Http {
  /** @throws FetchError */
  call<T>(call: Call<T>): Promise<T>;
}
