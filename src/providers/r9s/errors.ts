import { FetchError, type FetchErrorKind } from '../../fetch/errors.ts';
import type { HttpResponse } from '../../fetch/http.ts';
import { kindOfStatus } from '../../fetch/http-errors.ts';
import type { Secret } from '../../lib/secret.ts';
import { vendorMessage } from '../../fetch/vendor-message.ts';
import { Envelope } from './schema.ts';

const SUCCESS: ReadonlySet<number> = new Set([0, 200]);

const HINTS: Readonly<Partial<Record<FetchErrorKind, string>>> = {
  credentials: 'Give a management key (`sk_mg_...`) that is active; an inference key does not work here.',
  permission: "Give the management key the scope `usage:read` in the vendor's portal.",
  refused: 'Check `base_url` and `page_size` in the job.',
};

/** The error in an answer's envelope; undefined on success or if there is no envelope. */
export function vendorError(action: string, answer: HttpResponse, key: Secret): FetchError | undefined {
  const envelope = Envelope.safeParse(answer.body);
  if (!envelope.success || SUCCESS.has(envelope.data.meta.code)) return undefined;
  const { code, message, request_id: requestId } = envelope.data.meta;
  // By the documentation the code is an HTTP status; for any other number the response's own status decides.
  const kind = (code < 600 ? kindOfStatus(code) : undefined) ?? kindOfStatus(answer.status) ?? 'refused';
  // An error about the key's format may contain the key.
  const reported = vendorMessage(message ?? '', [key]) || 'no message';
  return new FetchError(kind, `${action}: meta.code ${code}: ${reported}`, {
    hint: HINTS[kind],
    status: answer.status,
    code: String(code),
    requestId: requestId ?? undefined,
  });
}
