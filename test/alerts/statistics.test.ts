import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { median, quantile } from '../../src/alerts/statistics.ts';

test('a quantile is the value at its rank, however the values are ordered', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 40 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const sorted = values.toSorted((a, b) => a - b);
        const rank = (of: number): number =>
          sorted[Math.min(values.length - 1, Math.floor(of * values.length))]!;
        const found = Float64Array.from(values);

        expect(quantile(found, values.length, share)).toBe(rank(share));
        expect(quantile(found, values.length, (1 + share) / 2, share)).toBe(rank((1 + share) / 2));
      },
    ),
  );
});

test('only the first values count, and none have no quantile', () => {
  expect(median(Float64Array.of(3, 1, 2, 100, 100), 3)).toBe(2);
  expect(median(new Float64Array(3), 0)).toBeNaN();
});
