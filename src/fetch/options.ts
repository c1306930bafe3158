import type { FetchErrorKind } from './errors.ts';
import {
  concurrencyLimiters,
  type ConcurrencyLimiter,
  type ConcurrencyLimiters,
  type HostLimit,
} from './limits.ts';
import type { RateLimiter } from '../lib/rate-limiter.ts';

/*
 * Three times the largest honest answer of any provider, Ark's: 100 endpoints x 3 metrics x 168 hours = 50,400 values
 * of 45 bytes, 2.3 MB. UCloud and SigCal: a day x 200 models x 5 types, 24,000 rows of 110 bytes, 2.6 MB. R9S: 1,000
 * rows of 600 bytes. Trae: 100 members x 30 models of 250 bytes, 0.8 MB.
 */
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_VALUES = 500_000;

/** One completed request. */
export interface CallEvent {
  readonly action: string;
  readonly result: 'ok' | FetchErrorKind;
  /** Without query, fragment and user info. */
  readonly url: string;
  /** HTTP status, where there was an answer. */
  readonly status?: number;
  /** Size of the answer's body as text, where there was one. */
  readonly bytes?: number;
  /** From sending to the last byte, without the wait for the rate limit. */
  readonly ms: number;
}

export interface HttpOptions {
  /** The provider's address. Requests to other hosts are refused. */
  readonly baseUrl: string;
  readonly limit: HostLimit;
  /** Shared by all jobs and processes that call the same host. */
  readonly rateLimiter: RateLimiter;
  /** Shared by the jobs of one process. */
  readonly limiters?: ConcurrencyLimiters;
  readonly fetch: typeof globalThis.fetch;
  /** Resolves after `ms`; may reject as soon as the signal fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Of one request, including the body of the answer; 30 s by default. */
  readonly timeoutMs?: number;
  /** Of one answer; 8 MB by default. */
  readonly maxBytes?: number;
  /** Of one answer; 500,000 by default. */
  readonly maxValues?: number;
  /** Attempts per call, without the one after an expired token; 5 by default. */
  readonly attempts?: number;
  /** The longest `Retry-After` that a call waits for; 10 minutes by default. */
  readonly maxRetryAfterMs?: number;
  readonly onCall?: (event: CallEvent) => void;
}

/** Options with the defaults filled in. */
export interface HttpSettings extends HttpOptions {
  readonly host: string;
  readonly limiter: ConcurrencyLimiter;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly maxValues: number;
  readonly attempts: number;
  readonly maxRetryAfterMs: number;
}

export function withDefaults(options: HttpOptions): HttpSettings {
  const { host } = new URL(options.baseUrl);
  const limiters = options.limiters ?? concurrencyLimiters();
  return {
    ...options,
    host,
    limiter: limiters(host, options.limit),
    timeoutMs: options.timeoutMs ?? 30_000,
    maxBytes: options.maxBytes ?? MAX_BYTES,
    maxValues: options.maxValues ?? MAX_VALUES,
    attempts: options.attempts ?? 5,
    maxRetryAfterMs: options.maxRetryAfterMs ?? 600_000,
  };
}
