import * as fc from 'fast-check';
import { toCount } from '../../src/usage/count.ts';
import { FIELDS, TAGS, type Point } from '../../src/usage/point.ts';

/** What line protocol, its servers or our codes treat specially. */
const PIECES =
  '\\ , = " \' % %~ %0A %5C %25 %uD800 \n \r \t \0 \u007f \u0085 \u2028 \ufeff \uffff \ud83d \udf0a 🌊 名 é # n a1';
const pieces = fc.constantFrom(' ', ...PIECES.split(' '));

/** Any text a tag may have, hard cases often. Never empty. */
export const anyText = fc.oneof(
  fc.array(pieces, { minLength: 1, maxLength: 8 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
);

const anyCount = fc
  .oneof(fc.bigInt(0n, 2n ** 63n - 1n), fc.nat().map(BigInt), fc.constantFrom(0n, 2n ** 53n, 2n ** 63n - 1n))
  .map(toCount);

/** Any point a store must take. */
export const anyPoint: fc.Arbitrary<Point> = fc.record({
  time: fc.integer({ min: -9_223_372_036, max: 9_223_372_036 }),
  tags: fc.record(Object.fromEntries(TAGS.map((tag) => [tag, anyText])), {
    requiredKeys: [],
    noNullPrototype: true,
  }),
  fields: fc
    .record(Object.fromEntries(FIELDS.map((field) => [field, anyCount])), {
      requiredKeys: [],
      noNullPrototype: true,
    })
    .filter((fields) => Object.keys(fields).length > 0),
});
