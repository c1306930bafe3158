import { createHash } from 'node:crypto';

/*
 * How a tag value is stored. Line protocol cannot carry every character and its servers disagree on backslashes, so
 * some characters are stored as `%` codes: docs/decisions/0019-line-protocol-text.md.
 */

const CODE = '[0189][0-9A-F]|7F|5C|25|uD[89A-F][0-9A-F]{2}';
const CODES = new RegExp(`%(${CODE})`, 'g');
/** Ends a shortened value, before the digest. */
const SHORTENED = '%~';
/** Readable part of a shortened value. */
const READABLE_BYTES = 1_000;

/** Control characters, lone surrogates, a backslash that reads as an escape, a `%` that reads as one of our codes. */
const ENCODED = new RegExp(String.raw`\p{Cc}|\p{Cs}|\\(?=[\\,= ]|$)|%(?=~|${CODE})`, 'gu');

/** The stored text of a tag value, injective; empty only for the empty value. */
export function encodeText(value: string): string {
  return value.replace(ENCODED, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase();
    return code.length > 2 ? `%u${code}` : `%${code.padStart(2, '0')}`;
  });
}

/** The inverse of `encodeText`. A shortened text is returned unchanged. */
export function decodeText(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(CODES, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code.replace('u', ''), 16)),
  );
}

/** The texts a value may be stored as: in full, and shortened if it is long. */
export function storedTexts(value: string): string[] {
  const text = encodeText(value);
  const shortened = shortenText(value);
  return text === shortened ? [text] : [text, shortened];
}

/**
 * The stored text of a value that exceeds the server's limit: its beginning and the SHA-256 of the whole, so that
 * different values keep different texts. Values up to about 1 KB are not shortened.
 */
export function shortenText(value: string): string {
  const text = encodeText(value);
  if (Buffer.byteLength(text) <= READABLE_BYTES + 100) return text;
  let readable = '';
  let bytes = 0;
  for (const character of value) {
    const part = encodeText(character);
    bytes += Buffer.byteLength(part);
    if (bytes > READABLE_BYTES) break;
    readable += part;
  }
  // Only UTF-16 distinguishes lone surrogates.
  const digest = createHash('sha256').update(Buffer.from(value, 'utf16le')).digest('hex');
  return readable + SHORTENED + digest;
}
