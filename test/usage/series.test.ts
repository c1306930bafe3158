import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TAGS, type Tags } from '../../src/usage/point.ts';
import { seriesKey, tagsOfSeries } from '../../src/usage/series.ts';

const text = fc.string({
  unit: fc.constantFrom('a', 'user', '\0', '\u0001', '\u0002', '\u0003', '1', '😀', '\\', '='),
});
const anyTags = fc
  .dictionary(fc.constantFrom(...TAGS), text)
  .map((tags): Tags => Object.fromEntries(Object.entries(tags).filter(([, value]) => value !== '')));

describe('seriesKey', () => {
  it('does not depend on the order of the tags, nor on empty ones', () => {
    expect(seriesKey({ user: 'ann', model: 'm', key: '' })).toBe(seriesKey({ model: 'm', user: 'ann' }));
  });

  it('leads back to the tags, whatever text they hold', () => {
    fc.assert(
      fc.property(anyTags, (tags) => {
        expect(tagsOfSeries(seriesKey(tags))).toEqual(tags);
      }),
    );
  });

  it('holds no NUL, which would end it in SQLite', () => {
    expect(seriesKey({ user: 'a\0b' })).not.toContain('\0');
  });
});
