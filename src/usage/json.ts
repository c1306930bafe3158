import { parse } from 'lossless-json';

/** 16 digits in a row: the shortest run that may be an integer a double cannot hold. */
const LONG_NUMBER = /[0-9]{16}/;

/**
 * JSON.parse that keeps integers above 2^53 exact, as bigint. @throws SyntaxError on text that is not JSON.
 */
export function parseJson(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  return parse(text, undefined, (digits) => {
    const value = Number(digits);
    return Number.isSafeInteger(value) || !/^-?[0-9]+$/.test(digits) ? value : BigInt(digits);
  });
}
