/** What went wrong with a call, which decides what happens next. */
export type FetchErrorKind =
  /** The vendor does not accept the credentials. Fatal until they change. */
  | 'credentials'
  /** The credentials are good but may not do this. Fatal until the vendor's console says otherwise. */
  | 'permission'
  /** The vendor refuses this very request. Fatal for it; a batch is bisected down to the culprit. */
  | 'refused'
  /** A short-lived token has run out: refreshed once, then retried. */
  | 'expired_token'
  /** Too many requests: the whole host pauses. Retried. */
  | 'rate_limited'
  /** Network fault, timeout, 5xx, cut-off answer. Retried. */
  | 'unavailable'
  /** The vendor ran out of time for so long a window. Retried by the caller with half of it. */
  | 'window_too_large'
  /** The answer is not what the vendor documents; the message names the path in the answer. */
  | 'invalid_response'
  /** The daemon is shutting down. */
  | 'cancelled';

const RETRIED: ReadonlySet<FetchErrorKind> = new Set(['rate_limited', 'unavailable']);

export interface FetchErrorDetails {
  /** What to do about it, in one sentence, for the person who reads the message. */
  hint?: string | undefined;
  status?: number | undefined;
  /** The vendor's own error code. */
  code?: string | undefined;
  /** The vendor's request id, which their support asks for. */
  requestId?: string | undefined;
  /** How long the vendor asks to wait, milliseconds. */
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** A failed provider call. The message never holds a credential, a signature or a signed URL. */
export class FetchError extends Error {
  override readonly name = 'FetchError';
  readonly kind: FetchErrorKind;
  readonly hint: string | undefined;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(kind: FetchErrorKind, message: string, details: FetchErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.hint = details.hint;
    this.status = details.status;
    this.code = details.code;
    this.requestId = details.requestId;
    this.retryAfterMs = details.retryAfterMs;
  }

  /** Whether the same request may succeed a moment later. */
  get retriable(): boolean {
    return RETRIED.has(this.kind);
  }
}
