import { FetchError, type FetchErrorKind } from '../../fetch/errors.ts';
import type { HttpResponse } from '../../fetch/http.ts';
import { kindOfStatus } from '../../fetch/http-errors.ts';
import { vendorMessage } from '../../fetch/vendor-message.ts';
import { Envelope } from './schema.ts';

interface Meaning {
  readonly kind: FetchErrorKind;
  readonly hint?: string;
}

const UNSIGNED: Meaning = {
  kind: 'credentials',
  hint: 'Check that both keys are complete, form one pair, and belong to this cloud.',
};
const WITHDRAWN: Meaning = {
  kind: 'refused',
  hint: 'This deployment does not support the action. The vendor may have withdrawn it: see Troubleshooting in the README.',
};

/** https://docs.ucloud.cn/api/summary/public. Other codes follow the HTTP status, or else count as refused. */
const MEANINGS: ReadonlyMap<number, Meaning> = new Map([
  [110, { kind: 'window_too_large' }],
  [130, { kind: 'unavailable' }],
  [150, { kind: 'unavailable' }],
  [153, { kind: 'rate_limited' }],
  [160, WITHDRAWN],
  [161, WITHDRAWN],
  [170, UNSIGNED],
  [171, UNSIGNED],
  [172, UNSIGNED],
  [174, UNSIGNED],
  [292, { kind: 'permission', hint: 'These keys have no such project. Check `projects` in the job.' }],
  [293, { kind: 'permission', hint: 'The account has no access to this zone. Ask its administrator.' }],
  [294, { kind: 'permission', hint: "Add this machine's address to the IP allow list of the API keys." }],
  [295, { kind: 'permission', hint: 'The security lock of the account is on. Its owner can remove it.' }],
  [299, { kind: 'permission', hint: 'Grant the sub-account the model service actions in IAM.' }],
]);
const REFUSED_HINT = 'Check `projects`, `keys` and `models` in the job.';

/** The error in an answer's envelope; undefined on success or if there is no envelope. */
export function vendorError(action: string, answer: HttpResponse): FetchError | undefined {
  const envelope = Envelope.safeParse(answer.body);
  if (!envelope.success || envelope.data.RetCode === 0) return undefined;
  const { RetCode, Message } = envelope.data;
  const known = MEANINGS.get(RetCode);
  const kind = known?.kind ?? kindOfStatus(answer.status) ?? 'refused';
  const hint = known?.hint ?? (kind === 'refused' ? REFUSED_HINT : undefined);
  const reported = vendorMessage(Message ?? '') || 'no message';
  return new FetchError(kind, `${action}: RetCode ${RetCode}: ${reported}`, {
    hint,
    status: answer.status,
    code: String(RetCode),
    requestId: answer.headers.get('x-ucloud-request-uuid') ?? undefined,
  });
}
