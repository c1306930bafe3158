import { createHash } from 'node:crypto';
import { TAGS, type Tag, type Tags } from './point.ts';

/*
 * How a tag value is stored. Line protocol cannot carry every character and its servers disagree on backslashes, so
 * some characters are stored as `%` codes: docs/decisions/line-protocol-text.md.
 */

/** What a server can hold, in bytes of stored text. */
export interface TextLimits {
  /** One tag value. */
  readonly value: number;
  /** Measurement and tags together, as they stand in a line. */
  readonly series: number;
}

export const NO_LIMITS: TextLimits = { value: Infinity, series: Infinity };

const CODE = '[0189][0-9A-F]|7F|5C|25|uD[89A-F][0-9A-F]{2}';
const CODES = new RegExp(`%(${CODE})`, 'g');
/** Ends a shortened value, before the digest. */
const SHORTENED = '%~';
/** How much of a value that is too long is kept readable. */
const READABLE_BYTES = 1_000;

/** Control characters, lone surrogates, a backslash that reads as an escape, a `%` that reads as one of our codes. */
const ENCODED = new RegExp(String.raw`\p{Cc}|\p{Cs}|\\(?=[\\,= ]|$)|%(?=~|${CODE})`, 'gu');

/** The stored text of a tag value; never empty for a value that is not. Different values have different texts. */
export function encodeText(value: string): string {
  return value.replace(ENCODED, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase();
    return code.length > 2 ? `%u${code}` : `%${code.padStart(2, '0')}`;
  });
}

/** The tag value of a stored text. A shortened one stays as it is stored. */
export function decodeText(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(CODES, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code.replace('u', ''), 16)),
  );
}

/** Every text a value may be stored as: whole, and shortened where it is long enough for that. */
export function storedTexts(value: string): string[] {
  const text = encodeText(value);
  return isLong(text) ? [text, shorten(value)] : [text];
}

/** The stored texts of all tags that are there, in the order of `TAGS`, within what the server can hold. */
export function tagTexts(tags: Tags, limits: TextLimits): [Tag, string][] {
  const texts: [Tag, string][] = [];
  for (const tag of TAGS) {
    const value = tags[tag];
    if (value) texts.push([tag, encodeText(value)]);
  }
  if (fits(texts, limits)) return texts;
  return texts.map(([tag, text]) => [tag, isLong(text) ? shorten(tags[tag] ?? '') : text]);
}

function fits(texts: readonly [Tag, string][], limits: TextLimits): boolean {
  let series = 0;
  for (const [, text] of texts) {
    const bytes = Buffer.byteLength(text);
    if (bytes > limits.value) return false;
    series += bytes;
  }
  return series <= limits.series;
}

function isLong(text: string): boolean {
  return Buffer.byteLength(text) > READABLE_BYTES + 100;
}

/** Deterministic, and different for different values: how the value begins, and a SHA-256 of all of it. */
function shorten(value: string): string {
  let readable = '';
  let bytes = 0;
  for (const character of value) {
    const text = encodeText(character);
    bytes += Buffer.byteLength(text);
    if (bytes > READABLE_BYTES) break;
    readable += text;
  }
  // UTF-16 is the one form that tells lone surrogates apart.
  const digest = createHash('sha256').update(Buffer.from(value, 'utf16le')).digest('hex');
  return readable + SHORTENED + digest;
}
