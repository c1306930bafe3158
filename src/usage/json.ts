import { randomUUID } from 'node:crypto';

/** The shortest run of digits that may be an integer a double cannot hold. */
const LONG = 16;
/** The number of digits of 2^64-1. A longer number is read as a double: it is no count. */
const LONGEST = 20;
/** Prefix of a long integer that was quoted for JSON.parse. Random, so that no string begins with it. */
const MARK = randomUUID().slice(0, 13);
const QUOTE = 0x22;

/**
 * JSON.parse that keeps integers above 2^53 exact, as bigint. The time is linear in the length of the text.
 * @throws SyntaxError on text that is not JSON.
 */
export function parseJson(text: string): unknown {
  const marked = markLongIntegers(text);
  return marked === undefined ? JSON.parse(text) : unmark(JSON.parse(marked));
}

/** The text with every long integer as a marked string; undefined if there is none. */
function markLongIntegers(text: string): string | undefined {
  const parts: string[] = [];
  let copied = 0;
  for (let i = 0; i < text.length;) {
    if (!isDigit(text, i)) {
      i = text.charCodeAt(i) === QUOTE ? endOfString(text, i) : i + 1;
      continue;
    }
    const digits = i;
    while (isDigit(text, i)) i++;
    if (i - digits < LONG || i - digits > LONGEST || !isInteger(text, digits, i)) continue;
    const start = text[digits - 1] === '-' ? digits - 1 : digits;
    parts.push(text.slice(copied, start), '"', MARK, text.slice(start, i), '"');
    copied = i;
  }
  if (parts.length === 0) return undefined;
  parts.push(text.slice(copied));
  return parts.join('');
}

/** The index after the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  for (;;) {
    const quote = text.indexOf('"', i);
    if (quote < 0) return text.length;
    let before = quote;
    while (before > i && text[before - 1] === '\\') before--;
    i = quote + 1;
    if ((quote - before) % 2 === 0) return i;
  }
}

/** Whether a run of digits is a JSON integer: no fraction, exponent or leading zero, and not a key. */
function isInteger(text: string, start: number, end: number): boolean {
  const before = text[start - 1] === '-' ? text[start - 2] : text[start - 1];
  if (text[start] === '0' || /[.eE+]/.test(before ?? '') || /[.eE]/.test(text[end] ?? '')) return false;
  let next = end;
  // Any control character: JSON.parse refuses those that are not white space.
  while (text.charCodeAt(next) <= 0x20) next++;
  return text[next] !== ':';
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

/** Replaces the marked strings of a parsed value. Not recursive: an answer may be nested to any depth. */
function unmark(root: unknown): unknown {
  const waiting: object[] = [];
  const replace = (value: unknown): unknown => {
    if (typeof value === 'string' && value.startsWith(MARK)) return integerOf(value.slice(MARK.length));
    if (typeof value === 'object' && value !== null) waiting.push(value);
    return value;
  };
  const result = replace(root);
  for (let container = waiting.pop(); container; container = waiting.pop()) {
    if (Array.isArray(container)) {
      for (let i = 0; i < container.length; i++) container[i] = replace(container[i]);
    } else {
      const members = container as Record<string, unknown>;
      for (const key of Object.keys(members)) {
        const value = replace(members[key]);
        if (value !== members[key]) members[key] = value;
      }
    }
  }
  return result;
}

function integerOf(digits: string): number | bigint {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : BigInt(digits);
}
