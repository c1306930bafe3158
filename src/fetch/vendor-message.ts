import { displayText } from '../lib/display-text.ts';
import { redact } from '../lib/redact.ts';
import type { Secret } from '../lib/secret.ts';

const LONGEST = 300;
/** SHA-1 and longer: whoever reads the signature of a request could send it again. */
const SIGNATURE = /\b[0-9a-f]{40,}\b/gi;

/**
 * A vendor's own error text, fit to be shown: one line of visible text, cut to 300 characters, without the secrets
 * and signatures it may repeat.
 */
export function vendorMessage(text: string, secrets: readonly Secret[] = []): string {
  const values = secrets.map((secret) => secret.reveal());
  // Redacted again, because a secret may be split by what displayText removes.
  const visible = redact(displayText(redact(text, values)), values);
  const shown = visible.replaceAll(SIGNATURE, '***').replaceAll(/\s+/g, ' ').trim();
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}...` : shown;
}
