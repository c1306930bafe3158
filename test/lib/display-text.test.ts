import { expect, it } from 'vitest';
import { displayText } from '../../src/lib/display-text.ts';

it.each<[string, string, string]>([
  ['colours', '\u001b[31mred\u001b[0m', 'red'],
  ['a window title', '\u001b]0;owned\u0007model', 'model'],
  ['an unfinished sequence', 'a\u001b]0;b', 'a'],
  ['C1 control sequences', '\u009b31mred', 'red'],
  ['line breaks', 'a\r\nb\u2028c\u2029d', 'a b c d'],
  ['right-to-left overrides', 'a\u202Etxt.exe\u202C', 'atxt.exe'],
  ['isolates and marks', '\u2066a\u2069\u200E\u200F\u061Cb', 'ab'],
  ['invisible characters', 'a\u200Bb\uFEFFc\u00ADd\u{E0041}', 'abcd'],
])('displayText removes %s', (_, text, shown) => {
  const result = displayText(text);

  expect(result.startsWith(shown)).toBe(true);
  expect(result).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
});

it.each(['用量统计', "O'Brien 😀", 'a\\b  c', 'e\u0301'])('displayText keeps %s', (text) => {
  expect(displayText(text)).toBe(text);
});
