import { FetchError, type FetchErrorKind } from '../../fetch/errors.ts';
import type { HttpResponse } from '../../fetch/http.ts';
import { kindOfStatus } from '../../fetch/http-errors.ts';
import type { Secret } from '../../lib/secret.ts';
import { vendorMessage } from '../../fetch/vendor-message.ts';
import { Envelope } from './schema.ts';

/** https://docs.trae.cn/enterprise_error-codes. Other codes follow the HTTP status, or else count as refused. */
const KINDS: ReadonlyMap<string, FetchErrorKind> = new Map([
  ['1001', 'credentials'],
  ['1002', 'expired_token'],
  ['2001', 'unavailable'],
  ['30017', 'permission'],
  ['64290', 'rate_limited'],
]);

export const CREDENTIALS_HINT =
  'Check app_id, app_secret and token_path, and that the credential has not expired in the enterprise console.';

const HINTS: Readonly<Partial<Record<FetchErrorKind, string>>> = {
  credentials: CREDENTIALS_HINT,
  permission:
    'Give the application credential the permissions for the member list (users:read) and usage statistics.',
};

/** The error in an answer's envelope, whatever its HTTP status. `secrets` are removed from its message. */
export function vendorError(
  answer: HttpResponse,
  action: string,
  secrets: readonly Secret[],
): FetchError | undefined {
  const envelope = Envelope.safeParse(answer.body);
  if (!envelope.success || envelope.data.code === '0') return undefined;
  const { code, message, request_id } = envelope.data;
  const byStatus = answer.status === 401 ? 'expired_token' : kindOfStatus(answer.status);
  const kind = KINDS.get(code) ?? byStatus ?? 'refused';
  const reported = message ? `: ${vendorMessage(message, secrets)}` : '';
  return new FetchError(kind, `Trae answered code ${code} to ${action}${reported}`, {
    hint: HINTS[kind],
    status: answer.status,
    code,
    requestId: request_id,
  });
}
