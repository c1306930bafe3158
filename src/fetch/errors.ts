import { TokentideError } from '../lib/errors.ts';

/** The kind of a failed call, which determines how it is handled. */
export type FetchErrorKind =
  /** The vendor rejects the credentials. Permanent until they change. */
  | 'credentials'
  /** The credentials are valid but lack a permission. Permanent until it is granted. */
  | 'permission'
  /** The vendor refuses this request. Not retried; a batch is bisected down to the failing partition. */
  | 'refused'
  /** A short-lived token has expired: refreshed once, then retried. */
  | 'expired_token'
  /** Too many requests: all calls to the host pause. Retried. */
  | 'rate_limited'
  /** Network fault, timeout, 5xx, truncated answer. Retried. */
  | 'unavailable'
  /** The vendor cannot process a window of this length. The caller retries with halves. */
  | 'window_too_large'
  /** The answer differs from the vendor's documentation, or is too large. The message names the path in the answer. */
  | 'invalid_response'
  /** A fault of tokentide, or an answer that it cannot represent. Fatal for the request; a batch is bisected. */
  | 'unexpected'
  /** The daemon is shutting down. */
  | 'cancelled';

const RETRIED: ReadonlySet<FetchErrorKind> = new Set(['rate_limited', 'unavailable']);

export interface FetchErrorDetails {
  /** What to do about it, one sentence. */
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
export class FetchError extends TokentideError {
  override readonly name = 'FetchError';
  override readonly exitCode = 1;
  readonly kind: FetchErrorKind;
  override readonly hint: string | undefined;
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

  /** Whether the same request may succeed later. */
  get retriable(): boolean {
    return RETRIED.has(this.kind);
  }
}
