import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addFields } from '../../src/usage/aggregate.ts';
import {
  limitedTags,
  limitCardinality,
  OTHER,
  type Limited,
  type OverflowPart,
} from '../../src/usage/cardinality.ts';
import type { Fields, Tag, UsageRecord } from '../../src/usage/point.ts';
import { seriesKey } from '../../src/usage/series.ts';
import { runs } from '../support/extent.ts';

function use(user: string, requests: number, { time = 0, model = 'm' } = {}): UsageRecord {
  return { time, tags: { model, user }, fields: { requests } };
}

/** What a collector does around the guard: it remembers, stores and forgets. */
function collector(limits: Partial<Record<Tag, number>>) {
  const allowed = new Map<Tag, Set<string>>();
  const overflowParts = new Map<string, OverflowPart>();
  const stored = new Map<string, UsageRecord>();
  const keyOf = (record: UsageRecord): string => `${record.time} ${seriesKey(record.tags)}`;

  return {
    limits,
    stored,
    accept(records: readonly UsageRecord[]): Limited {
      const times = new Set(records.map(({ time }) => time));
      const held = [...overflowParts.values()].filter(({ record }) => times.has(record.time));
      const result = limitCardinality(records, { limits: this.limits, allowed, overflowParts: held });
      for (const { tag, value } of result.allowed) {
        allowed.set(tag, (allowed.get(tag) ?? new Set()).add(value));
      }
      for (const share of result.overflowParts) overflowParts.set(keyOf(share.record), share);
      for (const record of result.records) {
        const fields = { ...stored.get(keyOf(record))?.fields, ...record.fields };
        stored.set(keyOf(record), { ...record, fields });
      }
      for (const { record } of result.releasedParts) overflowParts.delete(keyOf(record));
      return result;
    },
    values: (tag: Tag): Set<string | undefined> => new Set([...stored.values()].map(({ tags }) => tags[tag])),
    sum: (): Fields => [...stored.values()].reduce<Fields>((sum, { fields }) => addFields(sum, fields), {}),
  };
}

describe('limitCardinality', () => {
  it('leaves usage alone below the limit', () => {
    const records = [use('ann', 1), use('bob', 2)];

    const result = limitCardinality(records, { limits: { user: 2 }, allowed: new Map(), overflowParts: [] });

    expect(result).toEqual({
      records,
      allowed: [
        { tag: 'user', value: 'ann' },
        { tag: 'user', value: 'bob' },
      ],
      overflowParts: [],
      releasedParts: [],
      overflow: new Map(),
    });
  });

  it('keeps the first values and sums the others', () => {
    const records = [
      use('ann', 1),
      use('bob', 2),
      use('eve', 4),
      use('ann', 8, { time: 3600 }),
      use('joe', 16),
    ];

    const result = limitCardinality(records, { limits: { user: 2 }, allowed: new Map(), overflowParts: [] });

    expect(result.records).toEqual([
      use('ann', 1),
      use('bob', 2),
      use('ann', 8, { time: 3600 }),
      use(OTHER, 20),
    ]);
    expect(result.overflow).toEqual(new Map([['user', new Set(['eve', 'joe'])]]));
  });

  it('keeps values that were allowed before, also above a lowered limit', () => {
    const allowed = new Map<Tag, Set<string>>([['user', new Set(['ann', 'bob'])]]);

    const result = limitCardinality([use('bob', 1), use('eve', 2)], {
      limits: { user: 1 },
      allowed,
      overflowParts: [],
    });

    expect(result.records).toEqual([use('bob', 1), use(OTHER, 2)]);
    expect(result.allowed).toEqual([]);
  });

  it('keeps the other tags of overflow points', () => {
    const records = [
      use('a', 1, { model: 'm1' }),
      use('b', 2, { model: 'm1' }),
      use('c', 4, { model: 'm2' }),
    ];

    const result = limitCardinality(records, { limits: { user: 0 }, allowed: new Map(), overflowParts: [] });

    expect(result.records).toEqual([use(OTHER, 3, { model: 'm1' }), use(OTHER, 4, { model: 'm2' })]);
  });

  it('limits several tags at once', () => {
    const limits = { user: 1, model: 1 };
    const records = [
      use('a', 1, { model: 'm1' }),
      use('b', 2, { model: 'm2' }),
      use('c', 4, { model: 'm3' }),
    ];

    const result = limitCardinality(records, { limits, allowed: new Map(), overflowParts: [] });

    expect(result.records).toEqual([use('a', 1, { model: 'm1' }), use(OTHER, 6, { model: OTHER })]);
  });

  it('does not limit absent tags, nor tags without a limit', () => {
    const records = [{ time: 0, tags: { key: 'k' }, fields: { requests: 1 } }];

    const result = limitCardinality(records, { limits: { user: 0 }, allowed: new Map(), overflowParts: [] });

    expect(result.records).toEqual(records);
  });

  it('counts a user who is called __other__ among the others', () => {
    const result = limitCardinality([use(OTHER, 1), use('ann', 2), use('bob', 4)], {
      limits: { user: 1 },
      allowed: new Map(),
      overflowParts: [],
    });

    expect(result.records).toEqual([use('ann', 2), use(OTHER, 5)]);
  });

  it('stays exact above 2^53, and refuses a sum above 2^63-1', () => {
    const large = (user: string): UsageRecord => ({
      time: 0,
      tags: { user },
      fields: { requests: 2n ** 62n },
    });
    const limits = { user: 0 };
    const none = { limits, allowed: new Map(), overflowParts: [] };

    const result = limitCardinality([large('a'), use('b', 1, { model: '' })], none);

    expect(result.records[0]?.fields).toEqual({ requests: 2n ** 62n + 1n });
    expect(() => limitCardinality([large('a'), large('b')], none)).toThrow(RangeError);
  });
});

describe('an __other__ point', () => {
  it('keeps its full sum when a later answer covers only a part', () => {
    const self = collector({ user: 1 });
    self.accept([use('ann', 1), use('bob', 2), use('eve', 4)]);

    const again = self.accept([use('eve', 5)]);

    expect(again.records).toEqual([use(OTHER, 7)]);
    expect(self.sum()).toEqual({ requests: 8 });
  });

  it('does not change when the same answer is repeated', () => {
    const self = collector({ user: 1 });
    self.accept([use('ann', 1), use('bob', 2), use('eve', 4)]);

    const again = self.accept([use('ann', 1), use('bob', 2), use('eve', 4)]);

    expect(again.records).toEqual([use('ann', 1), use(OTHER, 6)]);
    expect(again.allowed).toEqual([]);
  });

  it('loses the usage of a value that a raised limit lets in, down to zero', () => {
    const self = collector({ user: 1 });
    self.accept([use('ann', 1), use('bob', 2), use('eve', 4)]);

    self.limits = { user: 3 };
    expect(self.accept([use('bob', 2)]).records).toEqual([use('bob', 2), use(OTHER, 4)]);
    expect(self.accept([use('eve', 4)]).records).toEqual([use('eve', 4), use(OTHER, 0)]);

    expect(self.sum()).toEqual({ requests: 7 });
  });

  it('keeps the usage of a value that a raised limit lets in, as long as that is not read again', () => {
    const self = collector({ user: 1 });
    self.accept([use('ann', 1), use('bob', 2), use('eve', 4)]);

    self.limits = { user: 2 };
    self.accept([use('bob', 8, { time: 3600 })]);
    self.accept([use('eve', 5)]);

    expect(self.stored.get(`0 ${seriesKey({ model: 'm', user: OTHER })}`)?.fields).toEqual({ requests: 7 });
    expect(self.sum()).toEqual({ requests: 16 });
  });

  it('is corrected when its usage moves on to another one', () => {
    const self = collector({ user: 0, model: 0 });
    self.accept([use('ann', 1, { model: 'm1' }), use('bob', 2, { model: 'm2' })]);

    self.limits = { user: 0, model: 1 };
    const moved = self.accept([use('bob', 3, { model: 'm2' })]);

    expect(moved.records).toEqual([use(OTHER, 1, { model: OTHER }), use(OTHER, 3, { model: 'm2' })]);
    expect(self.sum()).toEqual({ requests: 4 });
  });

  it('sums to the true totals for any order of partial reads and changing limits', () => {
    const read = fc.record({
      limit: fc.nat(6),
      records: fc.array(
        fc
          .tuple(fc.nat(7), fc.nat(1), fc.nat(1), fc.nat(100))
          .map(([user, model, hour, requests]) =>
            use(`u${user}`, requests, { time: hour * 3600, model: `m${model}` }),
          ),
        { maxLength: 12 },
      ),
    });
    fc.assert(
      fc.property(fc.array(read, { maxLength: 12 }), (reads) => {
        const truth = new Map<string, number>();
        const self = collector({});

        for (const { limit, records } of reads) {
          self.limits = { user: limit, model: 1 };
          self.accept(records);
          for (const record of records) {
            truth.set(`${record.time} ${seriesKey(record.tags)}`, Number(record.fields.requests));
          }
        }

        const total = [...truth.values()].reduce((sum, value) => sum + value, 0);
        expect(Number(self.sum().requests ?? 0)).toBe(total);
        const highest = Math.max(0, ...reads.map(({ limit }) => limit));
        expect(self.values('user').size).toBeLessThanOrEqual(highest + 1);
        expect(self.values('model').size).toBeLessThanOrEqual(2);
      }),
      runs(500),
    );
  });
});

describe('the tokens of an __other__ point', () => {
  it('are summed by series, of which only some have a total of their own', () => {
    const limited = limitCardinality(
      [
        { time: 0, tags: { user: 'ann' }, fields: { total_tokens: 10, input_tokens: 1 } },
        { time: 0, tags: { user: 'bob' }, fields: { input_tokens: 2, output_tokens: 3 } },
      ],
      { limits: { user: 0 }, allowed: new Map(), overflowParts: [] },
    );

    expect(limited.records).toEqual([
      {
        time: 0,
        tags: { user: OTHER },
        fields: { tokens: 15, total_tokens: 10, input_tokens: 3, output_tokens: 3 },
      },
    ]);
  });
});

describe('limitedTags', () => {
  it.each([
    [
      { user: 'ann', model: 'm' },
      { user: 'ann', model: 'm' },
    ],
    [{ user: 'bob' }, { user: OTHER }],
    [{ user: OTHER }, { user: OTHER }],
    [{ model: 'm' }, { model: 'm' }],
  ])('of %o are %o', (tags, limited) => {
    const allowed = new Map<Tag, Set<string>>([['user', new Set(['ann', OTHER])]]);

    expect(limitedTags(tags, { limits: { user: 5 }, allowed })).toEqual(limited);
  });
});
