import type { z } from 'zod';
import type { FetchError } from './errors.ts';

/** One request as it goes out. Built anew for every attempt, so that timestamps, signatures and tokens are fresh. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What came back: the status and the parsed JSON, before it is trusted. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface Call<T> {
  /** The vendor's name of the action, for metrics and errors: `GetUsage`, `user-model-usage`. */
  readonly action: string;
  /**
   * Runs before every attempt, outside the rate limit: the place to call for a token that `build` needs.
   * Its errors end the call.
   */
  readonly prepare?: () => Promise<void>;
  /** Runs when the request's turn has come. It may not call `Http` itself: it would wait for its own turn. */
  readonly build: () => HttpRequest | Promise<HttpRequest>;
  /**
   * Looks at every answer that is JSON, whatever its HTTP status, and says what the vendor's envelope means:
   * an error to throw, or undefined where there is none. HTTP status is judged after it (2xx is fine).
   * `Retry-After` is read by the caller of `check`.
   */
  readonly check?: (answer: HttpResponse) => FetchError | undefined;
  /** The shape of a good answer; only the fields used. What it transforms to is what the call returns. */
  readonly answer: z.ZodType<T>;
  /**
   * Called once after an `expired_token` error, which HTTP 401 is where this is given, before the one
   * repeated attempt. When that fails in the same way, the call ends with `credentials`.
   */
  readonly refresh?: () => void;
  readonly signal: AbortSignal;
}

/** The one way to a provider's API: time-out, size limit, retries, rate limit, `Retry-After`, errors. */
export interface Http {
  /** @throws FetchError */
  call<T>(call: Call<T>): Promise<T>;
}
