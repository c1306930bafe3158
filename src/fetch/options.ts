import type { FetchErrorKind } from './errors.ts';
import {
  concurrencyLimiters,
  type ConcurrencyLimiter,
  type ConcurrencyLimiters,
  type HostLimit,
} from './limits.ts';
import type { RateLimiter } from '../lib/rate-limiter.ts';

/** One request, as it ended. */
export interface CallEvent {
  readonly action: string;
  readonly result: 'ok' | FetchErrorKind;
  /** HTTP status, where there was an answer. */
  readonly status?: number;
  /** From sending to the last byte, without waiting for a slot. */
  readonly ms: number;
}

export interface HttpOptions {
  /** The provider's address. Requests to any other host are refused. */
  readonly baseUrl: string;
  readonly limit: HostLimit;
  /** Shared by all that ask the same host, also by other processes. */
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
  /** For one request, its body included; 30 s by default. */
  readonly timeoutMs?: number;
  /** Of one answer; 64 MB by default. */
  readonly maxBytes?: number;
  /** Requests per call at most, not counting the one repeated for an expired token; 5 by default. */
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
    maxBytes: options.maxBytes ?? 64 * 1024 * 1024,
    attempts: options.attempts ?? 5,
    maxRetryAfterMs: options.maxRetryAfterMs ?? 600_000,
  };
}
