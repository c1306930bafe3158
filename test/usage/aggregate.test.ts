import { describe, expect, it } from 'vitest';
import type { Fields } from '../../src/usage/point.ts';
import { addFields, sameFields, sumRecords, tokensOf, withTokens } from '../../src/usage/aggregate.ts';
import type { UsageRecord } from '../../src/usage/point.ts';

describe('addFields', () => {
  it('adds field by field and leaves absent ones absent', () => {
    const sum = addFields({ input_tokens: 1, output_tokens: 2n ** 53n }, { output_tokens: 1, images: 0 });

    expect(sum).toEqual({ input_tokens: 1, output_tokens: 2n ** 53n + 1n, images: 0 });
  });

  it('refuses a sum above 2^63-1', () => {
    expect(() => addFields({ requests: 2n ** 63n - 1n }, { requests: 1 })).toThrow(RangeError);
  });
});

describe('sameFields', () => {
  it.each([
    [{ requests: 1 }, { requests: 1 }, true],
    [{ requests: 2n ** 60n }, { requests: 2n ** 60n }, true],
    [{ requests: 1 }, { requests: 2 }, false],
    [{ requests: 0 }, {}, false],
    [{}, {}, true],
  ])('of %o and %o is %s', (a, b, same) => {
    expect(sameFields(a, b)).toBe(same);
  });
});

describe('sumRecords', () => {
  it('makes one of the records of a series and time', () => {
    const records: UsageRecord[] = [
      { time: 0, tags: { user: 'ann', model: 'm' }, fields: { requests: 1 } },
      { time: 0, tags: { user: 'bob' }, fields: { requests: 2 } },
      { time: 0, tags: { model: 'm', user: 'ann', key: '' }, fields: { requests: 4, images: 1 } },
      { time: 3600, tags: { user: 'ann', model: 'm' }, fields: { requests: 8 } },
    ];

    const sums = sumRecords(records);

    expect(sums).toEqual([
      { time: 0, tags: { user: 'ann', model: 'm' }, fields: { requests: 5, images: 1 } },
      { time: 0, tags: { user: 'bob' }, fields: { requests: 2 } },
      { time: 3600, tags: { user: 'ann', model: 'm' }, fields: { requests: 8 } },
    ]);
  });

  it('changes none of its records', () => {
    const record: UsageRecord = { time: 0, tags: {}, fields: { requests: 1 } };

    sumRecords([record, record]);

    expect(record.fields).toEqual({ requests: 1 });
  });
});

describe('tokensOf', () => {
  it.each([
    [{ total_tokens: 7, input_tokens: 1, output_tokens: 1 }, 7n],
    [{ input_tokens: 2n ** 60n, output_tokens: 1 }, 2n ** 60n + 1n],
    [{ images: 3 }, 0n],
  ])('of %o is %s', (fields, tokens) => {
    expect(tokensOf(fields)).toBe(tokens);
  });
});

describe('withTokens', () => {
  it.each<[Fields, Fields['tokens']]>([
    [{ total_tokens: 7, input_tokens: 1, output_tokens: 1 }, 7],
    [{ total_tokens: 0, input_tokens: 1 }, 0],
    [{ input_tokens: 2n ** 60n, output_tokens: 1 }, 2n ** 60n + 1n],
    [{ input_tokens: 3 }, 3],
    [{ output_tokens: 0 }, 0],
    [{ images: 3, cached_input_tokens: 4 }, undefined],
    [{ input_tokens: 2n ** 63n - 1n, output_tokens: 1 }, undefined],
    [{ tokens: 5, input_tokens: 1 }, 5],
  ])('of %o has tokens %s', (fields, tokens) => {
    expect(withTokens(fields)).toEqual({ ...fields, ...(tokens !== undefined && { tokens }) });
  });
});
