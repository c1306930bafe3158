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

  it.each([
    ['{"a":1234567890123456.5}', { a: 1234567890123456.5 }],
    [
      '[1234567890123456e2,12345678901234567E-3]',
      [Number('1234567890123456e2'), Number('12345678901234567e-3')],
    ],
    ['[1.12345678901234567,1e12345678901234567]', [Number('1.12345678901234567'), Infinity]],
    ['"1234567890123456789"', '1234567890123456789'],
    ['["\\\\",1234567890123456789]', ['\\', 1234567890123456789n]],
    ['["\\"1234567890123456789",5]', ['"1234567890123456789', 5]],
    ['{"1234567890123456789":1234567890123456789}', { '1234567890123456789': 1234567890123456789n }],
    ['[123456789012345678901]', [Number('123456789012345678901')]],
  ])('tells integers from other digits: %s', (text, value) => {
    expect(parseJson(text)).toEqual(value);
  });

  it('takes linear time wherever the digits are', () => {
    const digits = '1'.repeat(5_000_000);

    expect(parseJson(`{"a":"${digits}","n":1234567890123456789}`)).toEqual({
      a: digits,
      n: 1234567890123456789n,
    });
    expect(parseJson(`[${digits}]`)).toEqual([Infinity]);
    expect(parseJson(`{"${digits}":"${'\\\\'.repeat(1_000_000)}"}`)).toHaveProperty(digits);
  });

  it('keeps integers exact at any depth', () => {
    const depth = 100_000;
    let value = parseJson(`${'['.repeat(depth)}1234567890123456789${']'.repeat(depth)}`);

    for (let level = 0; level < depth; level++) [value] = value as [unknown];
    expect(value).toBe(1234567890123456789n);
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

  it.each([
    '',
    '{',
    '{"a":12345678901234567890',
    '[1234567890123456,]',
    '<html>1234567890123456</html>',
    '[01234567890123456]',
    '{1234567890123456789:1}',
    '{1234567890123456789 :1}',
    '[--1234567890123456789]',
    '[1-1234567890123456789]',
    '[1234567890123456789 1]',
    '[+1234567890123456789]',
  ])('refuses %j', (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });
});
