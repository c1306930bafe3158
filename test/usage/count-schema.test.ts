import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CountField } from '../../src/usage/count-schema.ts';
import { MAX_COUNT } from '../../src/usage/count.ts';

describe('CountField', () => {
  it.each([
    [0, 0],
    [5, 5],
    [5n, 5],
    ['5', 5],
    ['007', 7],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['9007199254740993', 2n ** 53n + 1n],
    [2n ** 60n, 2n ** 60n],
    [MAX_COUNT, MAX_COUNT],
    [String(MAX_COUNT), MAX_COUNT],
  ])('takes %o as %s', (given, count) => {
    expect(CountField.parse(given)).toBe(count);
  });

  it.each([
    -1,
    1.5,
    2 ** 53,
    Number.NaN,
    -1n,
    MAX_COUNT + 1n,
    String(MAX_COUNT + 1n),
    '',
    ' 5',
    '5.0',
    '-5',
    '1e3',
    null,
    undefined,
    true,
    [],
  ])('refuses %o', (given) => {
    expect(CountField.safeParse(given).success).toBe(false);
  });

  it('names the path of an invalid counter', () => {
    const Answer = z.object({ rows: z.array(z.object({ input: CountField })) });

    const { error } = Answer.safeParse({ rows: [{ input: 1 }, { input: -1 }] });

    expect(error?.issues[0]?.path).toEqual(['rows', 1, 'input']);
  });
});
