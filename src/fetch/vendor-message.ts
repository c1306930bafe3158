import type { Secret } from './secret.ts';

const LONGEST = 300;
/** SHA-1 and longer: whoever reads the signature of a request could send it again. */
const SIGNATURE = /\b[0-9a-f]{40,}\b/gi;

/**
 * A vendor's own error text, fit to be shown: one line, cut to 300 characters, without the secrets and signatures
 * it may repeat.
 */
export function vendorMessage(text: string, secrets: readonly Secret[] = []): string {
  let shown = text;
  for (const secret of secrets) shown = shown.replaceAll(secret.reveal(), String(secret));
  shown = shown
    .replaceAll(SIGNATURE, '***')
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}...` : shown;
}
