import pRetry from 'p-retry';
import { StoreError } from '../store.ts';
import type { Access } from './connection.ts';
import type { Log } from './options.ts';

/** The server is unavailable; the same request may succeed later. */
export class Unavailable extends StoreError {
  /** The server's `Retry-After`, milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    details: { retryAfterMs?: number | undefined; hint?: string | undefined } = {},
  ) {
    const hint = details.hint ?? 'tokentide retries automatically and keeps the points';
    super('unavailable', message, { hint });
    this.retryAfterMs = details.retryAfterMs;
  }
}

export interface RetryPolicy {
  readonly attempts: number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
  readonly log: Log | undefined;
}

const FIRST_WAIT_MS = 500;
/** Also the maximum of a `Retry-After`. */
const LONGEST_WAIT_MS = 60_000;

/**
 * Retries while the server is `Unavailable`, with exponential back-off or the server's `Retry-After`.
 * @throws the last error, or the signal's reason
 */
export function withRetries<T>(
  attempt: () => Promise<T>,
  { attempts, sleep, log }: RetryPolicy,
  signal: AbortSignal,
): Promise<T> {
  return pRetry(attempt, {
    retries: attempts - 1,
    // `onFailedAttempt` does the waiting, because there it can be injected.
    minTimeout: 0,
    signal,
    shouldRetry: ({ error }) => error instanceof Unavailable,
    onFailedAttempt: async ({ error, attemptNumber, retriesLeft }) => {
      if (!(error instanceof Unavailable) || retriesLeft === 0) return;
      const backOff = FIRST_WAIT_MS * 2 ** (attemptNumber - 1);
      const waitMs = Math.min(error.retryAfterMs ?? backOff, LONGEST_WAIT_MS);
      log?.warn(
        { attempt: attemptNumber, waitMs, reason: error.message },
        'the store is unavailable, retrying',
      );
      await sleep(waitMs, signal);
    },
  });
}

/** A network error or timeout as a readable error. */
export function networkFault(error: unknown, { description, redact }: Access): Unavailable {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = inner instanceof Error && 'code' in inner ? String(inner.code) : '';
  const message = inner instanceof Error ? inner.message : String(inner);
  return new Unavailable(
    `${description} cannot be reached: ${redact(message.includes(code) ? message : `${code} ${message}`)}`,
  );
}
