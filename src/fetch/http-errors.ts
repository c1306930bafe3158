import type { z } from 'zod';
import { FetchError, type FetchErrorKind } from './errors.ts';
import type { HttpResponse } from './http.ts';

const HINTS: Readonly<Partial<Record<FetchErrorKind, string>>> = {
  credentials: "Check the job's credentials and that they have not expired or been revoked.",
  permission: "The credentials lack a permission. Grant it in the vendor's console.",
  refused: 'Check `base_url` and the options of the job.',
};

/** The meaning of an HTTP status if the vendor's envelope reports no error; undefined for 2xx. */
export function kindOfStatus(status: number): FetchErrorKind | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status === 401) return 'credentials';
  if (status === 403) return 'permission';
  if (status === 408 || status >= 500) return 'unavailable';
  if (status === 429) return 'rate_limited';
  return 'refused';
}

/** The same error with changes. */
export function changedError(
  error: FetchError,
  changes: { kind?: FetchErrorKind; message?: string; hint?: string; retryAfterMs?: number },
): FetchError {
  const { status, code, requestId, retryAfterMs, cause } = error;
  const kind = changes.kind ?? error.kind;
  const hint = error.hint ?? HINTS[kind];
  const details = { hint, status, code, requestId, retryAfterMs, cause, ...changes };
  return new FetchError(kind, changes.message ?? error.message, details);
}

/** An error from the status and the address alone. */
export function statusError(action: string, where: string, status: number, kind: FetchErrorKind): FetchError {
  return new FetchError(kind, `${action}: ${where} answered HTTP ${status}`, {
    status,
    hint: status >= 300 && status < 400 ? 'It redirects to another address. Check `base_url`.' : HINTS[kind],
  });
}

/** An answer that is not JSON, from the vendor's gateway or truncated. Never quotes it. */
export function notJson(
  action: string,
  where: string,
  status: number,
  kind: FetchErrorKind,
  text: string,
): FetchError {
  const start = text.trimStart();
  const what = start.startsWith('<')
    ? 'HTML, not JSON'
    : start === ''
      ? 'an empty body'
      : start.startsWith('{') || start.startsWith('[')
        ? 'JSON that is truncated or malformed'
        : 'text, not JSON';
  return new FetchError(kind, `${action}: ${where} answered ${what} (HTTP ${status})`, {
    status,
    hint: HINTS[kind] ?? 'If this persists, check `base_url` and any proxy.',
  });
}

/**
 * A request without a complete answer. Only the message of a system error is used: `fetch` quotes headers and addresses
 * in the errors that it throws for a request it cannot send.
 */
export function networkError(action: string, where: string, error: unknown): FetchError {
  const cause = systemError(error);
  if (cause) {
    return new FetchError('unavailable', `${action}: no answer from ${where}: ${cause}`, {
      hint: 'Check `base_url`, the network and any proxy.',
    });
  }
  if (error instanceof TypeError && error.cause === undefined && error.message !== 'terminated') {
    return new FetchError('credentials', `${action}: the request cannot be sent to ${where}`, {
      hint: 'A credential or option holds a line break or another character that HTTP does not carry.',
    });
  }
  return new FetchError('unavailable', `${action}: the connection to ${where} was lost`);
}

function systemError(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const first = at instanceof AggregateError ? (at.errors[0] as unknown) : at;
    const code = first instanceof Error && 'code' in first ? first.code : undefined;
    if (typeof code !== 'string' || !(first instanceof Error)) continue;
    return first.message.includes(code) ? first.message : `${first.message} (${code})`;
  }
  return undefined;
}

const SHOWN_PROBLEMS = 5;

/** An answer that does not match the schema: the paths and what was expected there. Never a value. */
export function shapeError(action: string, answer: HttpResponse, error: z.ZodError): FetchError {
  const shown = error.issues.slice(0, SHOWN_PROBLEMS).map((issue) => {
    const what = issue.code === 'unrecognized_keys' ? 'has unknown members' : issue.message;
    return `${pathText(issue.path)}: ${what.replace(/^[A-Z][a-z]+ [a-z]+: /, '')}`;
  });
  const more = error.issues.length - shown.length;
  const rest = more > 0 ? `; and ${more} more` : '';
  return new FetchError('invalid_response', `${action}: unexpected answer: ${shown.join('; ')}${rest}`, {
    status: answer.status,
    hint: 'The vendor may have changed its API. Nothing of this answer was used; please report it.',
  });
}

function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the answer';
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`))
    .join('');
}
