import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/usage/json.ts';

describe('parseJson', () => {
  it.each([
    ['{"a":9007199254740991}', { a: Number.MAX_SAFE_INTEGER }],
    ['{"a":9007199254740993}', { a: 2n ** 53n + 1n }],
    ['{"a":18446744073709551615}', { a: 2n ** 64n - 1n }],
    ['[-9223372036854775808]', [-(2n ** 63n)]],
    ['[0.1234567890123456789]', [0.12345678901234568]],
    ['{"id":"1234567890123456789","n":5}', { id: '1234567890123456789', n: 5 }],
    [
      '{"id":"1234567890123456789","a":[true,null,1.5,-2e3]}',
      { id: '1234567890123456789', a: [true, null, 1.5, -2000] },
    ],
  ])('reads %s', (text, value) => {
    expect(parseJson(text)).toEqual(value);
  });

  it('finds a long number wherever it stands', () => {
    for (let spaces = 0; spaces < 40; spaces++) {
      for (const digits of ['9007199254740993', '12345678901234567', '18446744073709551615']) {
        expect(parseJson(`${' '.repeat(spaces)}[${digits},1]`)).toEqual([BigInt(digits), 1]);
        expect(parseJson(`${' '.repeat(spaces)}-${digits}`)).toEqual(-BigInt(digits));
      }
    }
  });

  it('agrees with JSON.parse where no number is long, also next to a long text', () => {
    fc.assert(
      fc.property(
        fc.json().filter((json) => !/[0-9]{16}/.test(json)),
        (json) => {
          const withLongText = `{"id":"a0123456789012345678","value":${json}}`;

          expect(parseJson(json)).toEqual(JSON.parse(json));
          expect(parseJson(withLongText)).toEqual(JSON.parse(withLongText));
        },
      ),
    );
  });

  it.each(['', '{', '{"a":12345678901234567890', '[1234567890123456,]', '<html>1234567890123456</html>'])(
    'refuses %j',
    (text) => {
      expect(() => parseJson(text)).toThrow(SyntaxError);
    },
  );
});
