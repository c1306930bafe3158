import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { documentSplitter } from '../../src/store/influxdb/documents.ts';

it('finds the documents of a stream, however they are separated and wherever it is cut', () => {
  const separator = fc.constantFrom('', ' ', '\n', '\r\n\n');
  const document = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()));
  fc.assert(
    fc.property(fc.array(fc.tuple(document, separator)), fc.integer({ min: 1, max: 7 }), (parts, size) => {
      const text = parts.map(([value, after]) => JSON.stringify(value) + after).join('');
      const splitter = documentSplitter(Infinity);
      const found: string[] = [];
      for (let i = 0; i < text.length; i += size) found.push(...splitter.push(text.slice(i, i + size)));

      expect(found.map((each) => JSON.parse(each) as unknown)).toEqual(
        parts.map(([value]) => JSON.parse(JSON.stringify(value)) as unknown),
      );
      expect(splitter.rest()).toBe('');
    }),
  );
});

it.each(['{"a":', '<html>', '{}{"a', '[1]]['])('leaves or shows what is no document: %s', (text) => {
  const splitter = documentSplitter(Infinity);
  const found = splitter.push(text);

  const broken = found.some((each) => {
    try {
      JSON.parse(each);
      return false;
    } catch {
      return true;
    }
  });
  expect(broken || splitter.rest() !== '').toBe(true);
});

it('holds no document longer than the limit', () => {
  const splitter = documentSplitter(10);

  expect(splitter.push('[1][2,3,4]')).toEqual(['[1]', '[2,3,4]']);
  expect(() => splitter.push('["12345678"]')).toThrow(RangeError);
});
