import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addCounts, MAX_COUNT, subtractCounts, toCount } from '../../src/usage/count.ts';

const anyCount = fc.bigInt({ min: 0n, max: MAX_COUNT }).map(toCount);

describe('toCount', () => {
  it.each([
    [0n, 0],
    [2n ** 53n - 1n, Number.MAX_SAFE_INTEGER],
    [2n ** 53n, 2n ** 53n],
    [MAX_COUNT, MAX_COUNT],
  ])('spells %s as %s', (value, count) => {
    expect(toCount(value)).toBe(count);
  });

  it.each([-1n, MAX_COUNT + 1n])('refuses %s', (value) => {
    expect(() => toCount(value)).toThrow(RangeError);
  });
});

describe('addCounts', () => {
  it('is exact for any two counts', () => {
    fc.assert(
      fc.property(anyCount, anyCount, (a, b) => {
        const sum = BigInt(a) + BigInt(b);
        if (sum > MAX_COUNT) expect(() => addCounts(a, b)).toThrow(/2\^63-1/);
        else expect(addCounts(a, b)).toBe(toCount(sum));
      }),
    );
  });

  it('is exact beyond the safe integers', () => {
    expect(addCounts(Number.MAX_SAFE_INTEGER, 0)).toBe(Number.MAX_SAFE_INTEGER);
    expect(addCounts(Number.MAX_SAFE_INTEGER, 2)).toBe(2n ** 53n + 1n);
    expect(addCounts(2n ** 53n + 1n, 0)).toBe(2n ** 53n + 1n);
  });
});

describe('subtractCounts', () => {
  it('is exact, also below zero', () => {
    expect(subtractCounts(2n ** 60n + 1n, 1)).toBe(2n ** 60n);
    expect(subtractCounts(1, 2n ** 60n + 1n)).toBe(-(2n ** 60n));
  });
});
