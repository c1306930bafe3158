import { FetchError, type FetchErrorKind } from '../../fetch/errors.ts';
import type { HttpResponse } from '../../fetch/http.ts';
import type { Secret } from '../../lib/secret.ts';
import { vendorMessage } from '../../fetch/vendor-message.ts';
import { Envelope } from './schema.ts';

interface Meaning {
  readonly kind: FetchErrorKind;
  readonly hint?: string;
}

const KEYS = 'Check access_key_id and secret_access_key; an Ark API key is not accepted.';
const ACTION = 'Check base_url; if it is right, Volcengine may have withdrawn this action.';
const IAM =
  'Give the user of the access key a policy that allows ark:GetUsage and ark:ListEndpoints in this project, such as ArkReadOnlyAccess.';
const TOKEN = 'Renew session_token, or leave it out for a permanent access key.';

/** The vendor's common error codes (https://www.volcengine.com/docs/6369/68677). */
const MEANINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['MissingParameter', { kind: 'refused' }],
  ['MissingRequestInfo', { kind: 'refused' }],
  // Retried once with a new signature. The hint gives the clock difference.
  ['InvalidTimestamp', { kind: 'expired_token' }],
  ['ServiceNotFound', { kind: 'permission', hint: ACTION }],
  ['InvalidActionOrVersion', { kind: 'permission', hint: ACTION }],
  ['InvalidAccessKey', { kind: 'credentials', hint: KEYS }],
  ['InvalidAuthorization', { kind: 'credentials', hint: KEYS }],
  ['InvalidCredential', { kind: 'credentials', hint: KEYS }],
  ['SignatureDoesNotMatch', { kind: 'credentials', hint: KEYS }],
  ['InvalidSecretToken', { kind: 'credentials', hint: TOKEN }],
  ['AccessDenied', { kind: 'permission', hint: IAM }],
  ['InternalError', { kind: 'unavailable' }],
  ['InternalServiceError', { kind: 'unavailable' }],
  ['InternalServiceTimeout', { kind: 'unavailable' }],
  ['ServiceUnavailableTemp', { kind: 'unavailable' }],
  ['FlowLimitExceeded', { kind: 'rate_limited' }],
]);

/**
 * The error in an answer's envelope, whatever its HTTP status. `call` names the request, `now` is this machine's time
 * in milliseconds, `secrets` are removed from the message.
 */
export function vendorError(
  answer: HttpResponse,
  call: string,
  now: number,
  secrets: readonly Secret[],
): FetchError | undefined {
  const envelope = Envelope.safeParse(answer.body);
  if (!envelope.success) return undefined;
  const { RequestId, Error: error } = envelope.data.ResponseMetadata;
  if (!error) return undefined;
  const meaning = MEANINGS.get(error.Code) ?? { kind: kindOfStatus(answer.status) };
  const reported = error.Message ? `: ${vendorMessage(error.Message, secrets)}` : '';
  return new FetchError(meaning.kind, `Volcengine answered ${error.Code} to ${call}${reported}`, {
    hint: error.Code === 'InvalidTimestamp' ? clockHint(answer.headers.get('date'), now) : meaning.hint,
    status: answer.status,
    code: error.Code,
    requestId: RequestId,
  });
}

/** For other codes the HTTP status decides; with HTTP 200 the request is at fault. */
function kindOfStatus(status: number): FetchErrorKind {
  if (status >= 500) return 'unavailable';
  if (status === 429) return 'rate_limited';
  if (status === 401) return 'credentials';
  if (status === 403) return 'permission';
  return 'refused';
}

function clockHint(date: string | null, now: number): string {
  const theirs = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(theirs)) return 'Set the clock of this machine, for instance by NTP.';
  const seconds = Math.round((now - theirs) / 1000);
  const difference =
    Math.abs(seconds) < 120 ? `${Math.abs(seconds)} s` : `${Math.round(Math.abs(seconds) / 60)} min`;
  return `This machine's clock is ${difference} ${seconds < 0 ? 'behind' : 'ahead of'} Volcengine's: set it, for instance by NTP.`;
}
