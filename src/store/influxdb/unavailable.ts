import pRetry from 'p-retry';
import { StoreError } from '../store.ts';
import type { Access } from './connection.ts';
import type { Log } from './options.ts';

/** The same request may succeed later. */
export class Unavailable extends StoreError {
  /** How long the server asks to wait, milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    details: { retryAfterMs?: number | undefined; hint?: string | undefined } = {},
  ) {
    const hint = details.hint ?? 'it is tried again by itself; what could not be written is kept';
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
/** Also the most that a `Retry-After` is followed. */
const LONGEST_WAIT_MS = 60_000;

/**
 * Tries again while the server is `Unavailable`, with a back-off that doubles, or as long as the server asks.
 * @throws the last error, or the signal's reason
 */
export function withRetries<T>(
  attempt: () => Promise<T>,
  { attempts, sleep, log }: RetryPolicy,
  signal: AbortSignal,
): Promise<T> {
  return pRetry(attempt, {
    retries: attempts - 1,
    // All waiting is done in `onFailedAttempt`, where it can be injected.
    minTimeout: 0,
    signal,
    shouldRetry: ({ error }) => error instanceof Unavailable,
    onFailedAttempt: async ({ error, attemptNumber, retriesLeft }) => {
      if (!(error instanceof Unavailable) || retriesLeft === 0) return;
      const backOff = FIRST_WAIT_MS * 2 ** (attemptNumber - 1);
      const waitMs = Math.min(error.retryAfterMs ?? backOff, LONGEST_WAIT_MS);
      log?.warn(
        { attempt: attemptNumber, waitMs, reason: error.message },
        'the store cannot answer, trying again',
      );
      await sleep(waitMs, signal);
    },
  });
}

/** What a fault of the network, a time-out included, says to a person. */
export function networkFault(error: unknown, { description, redact }: Access): Unavailable {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = inner instanceof Error && 'code' in inner ? String(inner.code) : '';
  const message = inner instanceof Error ? inner.message : String(inner);
  return new Unavailable(
    `${description} cannot be reached: ${redact(message.includes(code) ? message : `${code} ${message}`)}`,
  );
}
