import { parse } from 'lossless-json';

/** The shortest run of digits that may be an integer a double cannot hold. */
const LONG = 16;

/**
 * JSON.parse that keeps integers above 2^53 exact, as bigint. @throws SyntaxError on text that is not JSON.
 */
export function parseJson(text: string): unknown {
  if (!hasLongNumber(text)) return JSON.parse(text);
  return parse(text, undefined, (digits) => {
    const value = Number(digits);
    return Number.isSafeInteger(value) || !/^-?[0-9]+$/.test(digits) ? value : BigInt(digits);
  });
}

/** Whether 16 digits stand in a row, but not right behind a quote: those are a text. Looks at every 16th character. */
function hasLongNumber(text: string): boolean {
  for (let i = LONG - 1; i < text.length; i += LONG) {
    if (!isDigit(text, i)) continue;
    let start = i;
    while (isDigit(text, start - 1)) start--;
    let end = i + 1;
    while (isDigit(text, end)) end++;
    if (end - start >= LONG && text[start - 1] !== '"') return true;
  }
  return false;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}
