import { displayText } from '../lib/display-text.ts';
import { redact } from '../lib/redact.ts';
import type { Secret } from '../lib/secret.ts';

const LONGEST = 300;
/** SHA-1 and longer. A signature must not be shown: it allows a replay of the request. */
const SIGNATURE = /\b[0-9a-f]{40,}\b/gi;

/**
 * A vendor's error text for display: one line, at most 300 characters, without control characters, secrets and
 * signatures.
 */
export function vendorMessage(text: string, secrets: readonly Secret[] = []): string {
  const values = secrets.map((secret) => secret.reveal());
  // Redacted twice: an invisible character may split a secret.
  const visible = redact(displayText(redact(text, values)), values);
  const shown = visible.replaceAll(SIGNATURE, '***').replaceAll(/\s+/g, ' ').trim();
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}...` : shown;
}
