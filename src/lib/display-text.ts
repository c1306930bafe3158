import { stripVTControlCharacters } from 'node:util';

/**
 * Text from outside, as one line that is safe on a terminal, in a log or on a page: escape sequences, control
 * characters, bidirectional controls and invisible format characters are removed, line breaks become spaces.
 */
export function displayText(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/\p{Cf}+/gu, '')
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
}
