import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SeriesQuery, SeriesRow } from '../../src/store/series-query.ts';
import type { PointQuery, Store, SumRow } from '../../src/store/store.ts';
import {
  catalogueOf,
  defineMeasurement,
  HEALTH,
  RECONCILIATION,
  USAGE,
  type Catalogue,
} from '../../src/usage/catalogue.ts';
import type { Fields, Point, Tags } from '../../src/usage/point.ts';
import { seriesKey } from '../../src/usage/series.ts';

export interface Guarantees {
  /** Counts above 2^53 come back exact; true unless said otherwise. */
  readonly exact?: boolean;
  /** A later write of a point wins; true unless said otherwise. What does not change may always be written again. */
  readonly overwrites?: boolean;
  /** Points can be removed; true unless said otherwise. */
  readonly deletes?: boolean;
  /** What may stand in no description and no identity. */
  readonly credentials?: readonly string[];
}

const DAY = 86_400;
/** 2025-01-01T00:00:00Z */
const START = 1_735_689_600;
const ALL = { start: START, end: START + 365 * DAY };

const DAILY = { ...ALL, step: 'day', zone: 'UTC', by: [] } as const;

const ODD_TEXTS: readonly (readonly [name: string, text: string])[] = [
  ['a space', 'a b'],
  ['spaces around', ' a '],
  ['a comma', 'a,b'],
  ['an equals sign', 'a=b'],
  ['a trailing backslash', 'a\\'],
  ['two trailing backslashes', 'a\\\\'],
  ['a backslash before a comma', 'a\\,b'],
  ['a backslash before a letter', 'CORP\\newton'],
  ['a newline', 'a\nb'],
  ['a backslash and an n', 'a\\nb'],
  ['carriage return and tab', 'a\r\tb'],
  ['double quotes', '"a"'],
  ['a single quote', "O'Brien"],
  ['a NUL', 'a\0b'],
  ['nothing but a NUL', '\0'],
  ['other control characters', 'a\u0001\u0002\u0003\u001F\u007F\u0085b'],
  ['an emoji', 'a😀b'],
  ['half an emoji', 'a\uD83D'],
  ['the other half', 'a\uDE00'],
  ['Chinese', '用量统计'],
  ['a composed accent', '\u00E9'],
  ['a decomposed accent', 'e\u0301'],
  ['a percent code', '%0A'],
  ['a percent sign', '100%'],
  ['a number', '0'],
  ['a word of SQL', "x' OR '1'='1"],
  ['a placeholder', '$1 ? :a'],
  ['a comment sign', '#a -- b /* c'],
];

/** A tag, a count, a signed integer and a float that no provider has. */
const EXTENDED = catalogueOf(
  defineMeasurement({
    ...USAGE,
    tags: { ...USAGE.tags, region: { from: 'provider', meaning: 'a tag of this test' } },
    fields: {
      ...USAGE.fields,
      pages: { kind: 'count', unit: 'pages', meaning: 'a count of this test' },
      balance: { kind: 'integer', unit: 'tokens', meaning: 'a signed integer of this test' },
      share: { kind: 'float', unit: '1', meaning: 'a float of this test' },
    },
  }),
  RECONCILIATION,
  HEALTH,
);

/**
 * What every store promises. `open` gives a store to write to, with the default catalogue or another one; it may be the
 * same one each time, because every test keeps to its own account.
 */
export function storeContract(
  name: string,
  open: (catalogue?: Catalogue) => Store | Promise<Store>,
  { exact = true, overwrites = true, deletes = true, credentials = [] }: Guarantees = {},
): void {
  describe(`${name} keeps the contract of a store`, () => {
    let store: Store;
    let account: string;

    beforeEach(async () => {
      store = await open();
      account = randomUUID();
    });

    afterEach(async () => {
      await store.close();
    });

    function point(time: number, tags: Tags, fields: Fields): Point {
      return { time, tags: { provider: 'trae', account, bucket: '1d', ...tags }, fields };
    }

    function sums(
      by: readonly (keyof Tags)[],
      query: Partial<typeof ALL> & { where?: Tags; measurement?: string } = {},
    ): Promise<SumRow[]> {
      return store.sums({ ...ALL, ...query, where: { account, ...query.where }, by });
    }

    async function write(...points: Point[]): Promise<void> {
      expect(await store.write(points)).toEqual({ accepted: points.length, rejected: [], kept: [] });
    }

    it('takes an empty write', async () => {
      await write();

      expect(await sums([])).toEqual([]);
    });

    when(overwrites)('overwrites a point instead of adding to it', async () => {
      await write(point(START, { user: 'ann' }, { input_tokens: 10 }));
      await write(point(START, { user: 'ann' }, { input_tokens: 7 }));

      expect(await sums([])).toEqual([{ tags: {}, fields: { input_tokens: 7 } }]);
    });

    when(overwrites)('overwrites with zero', async () => {
      await write(point(START, { user: 'ann' }, { input_tokens: 10 }));
      await write(point(START, { user: 'ann' }, { input_tokens: 0 }));

      expect(await sums([])).toEqual([{ tags: {}, fields: { input_tokens: 0 } }]);
    });

    when(overwrites)('keeps the fields that a later write does not have', async () => {
      await write(point(START, {}, { input_tokens: 10, output_tokens: 1 }));
      await write(point(START, {}, { output_tokens: 2, requests: 3 }));

      expect(await sums([])).toEqual([
        { tags: {}, fields: { input_tokens: 10, output_tokens: 2, requests: 3 } },
      ]);
    });

    it('does not change when the same points are written again', async () => {
      const points = Array.from({ length: 50 }, (_, i) =>
        point(START + i * DAY, { user: `user-${i % 7}` }, { input_tokens: i, output_tokens: 2 * i }),
      );
      await write(...points);
      const before = await sums(['user']);

      await write(...points);
      await write(...points.toReversed());

      expect(byTags(await sums(['user']))).toEqual(byTags(before));
    });

    it('stores the last of two equal points in one write', async () => {
      await write(
        point(START, { user: 'ann' }, { input_tokens: 1, output_tokens: 5 }),
        point(START, { user: 'bob' }, { input_tokens: 2 }),
        point(START, { user: 'ann' }, { input_tokens: 3 }),
      );

      expect(byTags(await sums(['user']))).toEqual([
        { tags: { user: 'ann' }, fields: { input_tokens: 3, output_tokens: 5 } },
        { tags: { user: 'bob' }, fields: { input_tokens: 2 } },
      ]);
    });

    it('tells points apart by time and by every tag', async () => {
      await write(
        point(START, {}, { requests: 1 }),
        point(START + DAY, {}, { requests: 2 }),
        point(START, { bucket: '1h' }, { requests: 4 }),
        point(START, { model: 'a' }, { requests: 8 }),
        point(START, { user: 'a' }, { requests: 16 }),
        point(START, { key: 'a' }, { requests: 32 }),
        point(START, { model: 'a', user: 'a' }, { requests: 64 }),
        point(START, { team: 'a', project: 'a', endpoint: 'a', scene: 'a' }, { requests: 128 }),
      );

      expect(await sums([])).toEqual([{ tags: {}, fields: { requests: 255 } }]);
      expect(byTags(await sums(['bucket']))).toEqual([
        { tags: { bucket: '1d' }, fields: { requests: 251 } },
        { tags: { bucket: '1h' }, fields: { requests: 4 } },
      ]);
    });

    it('sums by several tags, with absent tags as a group of their own', async () => {
      await write(
        point(START, { model: 'm1', user: 'ann' }, { input_tokens: 1 }),
        point(START + DAY, { model: 'm1', user: 'ann' }, { input_tokens: 10 }),
        point(START, { model: 'm2', user: 'ann' }, { input_tokens: 100, requests: 1 }),
        point(START, { model: 'm1' }, { input_tokens: 1000 }),
      );

      expect(byTags(await sums(['model', 'user']))).toEqual([
        { tags: { model: 'm1' }, fields: { input_tokens: 1000 } },
        { tags: { model: 'm1', user: 'ann' }, fields: { input_tokens: 11 } },
        { tags: { model: 'm2', user: 'ann' }, fields: { input_tokens: 100, requests: 1 } },
      ]);
    });

    it('sums a half-open range', async () => {
      await write(
        point(START, {}, { input_tokens: 1 }),
        point(START + DAY, {}, { input_tokens: 10 }),
        point(START + 2 * DAY, {}, { input_tokens: 100 }),
      );

      expect(await sums([], { start: START, end: START + 2 * DAY })).toEqual([
        { tags: {}, fields: { input_tokens: 11 } },
      ]);
      expect(await sums([], { start: START + 1, end: START + 2 * DAY + 1 })).toEqual([
        { tags: {}, fields: { input_tokens: 110 } },
      ]);
      expect(await sums([], { start: START + 1, end: START + DAY })).toEqual([]);
    });

    it('sums only the series asked for, an empty value meaning those without the tag', async () => {
      await write(
        point(START, { model: 'm1', user: 'ann' }, { input_tokens: 1 }),
        point(START, { model: 'm1', user: 'bob' }, { input_tokens: 10 }),
        point(START, { model: 'm2', user: 'bob' }, { input_tokens: 100 }),
        point(START, { model: 'm2' }, { input_tokens: 1000 }),
      );

      expect(await sums([], { where: { user: 'bob' } })).toEqual([
        { tags: {}, fields: { input_tokens: 110 } },
      ]);
      expect(await sums([], { where: { user: 'bob', model: 'm2' } })).toEqual([
        { tags: {}, fields: { input_tokens: 100 } },
      ]);
      expect(await sums(['model'], { where: { user: '' } })).toEqual([
        { tags: { model: 'm2' }, fields: { input_tokens: 1000 } },
      ]);
      expect(await sums([], { where: { user: 'eve' } })).toEqual([]);
    });

    when(overwrites)('takes an empty tag as absent', async () => {
      await write(point(START, { user: '', model: 'm1' }, { input_tokens: 5 }));
      await write(point(START, { model: 'm1' }, { input_tokens: 6 }));

      expect(await sums(['user', 'model'])).toEqual([{ tags: { model: 'm1' }, fields: { input_tokens: 6 } }]);
    });

    when(exact)('is exact above 2^53', async () => {
      const large = 2n ** 53n + 1n;
      await write(
        point(START, { user: 'ann' }, { input_tokens: large, output_tokens: 2n ** 63n - 1n }),
        point(START + DAY, { user: 'ann' }, { input_tokens: large }),
        point(START, { user: 'bob' }, { input_tokens: Number.MAX_SAFE_INTEGER }),
        point(START + DAY, { user: 'bob' }, { input_tokens: 1 }),
      );

      expect(byTags(await sums(['user']))).toEqual([
        { tags: { user: 'ann' }, fields: { input_tokens: 2n * large, output_tokens: 2n ** 63n - 1n } },
        { tags: { user: 'bob' }, fields: { input_tokens: 2n ** 53n } },
      ]);
    });

    it('gives back the points of a range and of the series asked for', async () => {
      const ann = point(START, { model: 'm1', user: 'ann' }, { input_tokens: 1, requests: 0 });
      const later = point(START + DAY, { model: 'm1', user: 'ann' }, { output_tokens: 2 });
      const bob = point(START, { model: 'm1', user: 'bob' }, { input_tokens: 10 });
      const nobody = point(START, { model: 'm2' }, { input_tokens: 100 });
      await write(ann, later, bob, nobody);
      const found = async (query: Omit<PointQuery, 'start' | 'end'>, range = ALL): Promise<Point[]> => {
        const points = await store.points({ ...range, ...query, where: { account, ...query.where } });
        return points.toSorted((a, b) => a.time - b.time || (seriesKey(a.tags) < seriesKey(b.tags) ? -1 : 1));
      };

      expect(await found({})).toEqual([ann, bob, nobody, later]);
      expect(await found({}, { start: START + 1, end: START + DAY })).toEqual([]);
      expect(await found({}, { start: START, end: START + DAY })).toEqual([ann, bob, nobody]);
      expect(await found({ where: { user: '' } })).toEqual([nobody]);
      expect(await found({ among: { tag: 'user', values: ['ann'] } })).toEqual([ann, later]);
      expect(await found({ among: { tag: 'user', values: ['bob', 'eve', 'ann'] } })).toEqual([
        ann,
        bob,
        later,
      ]);
      expect(await found({ where: { model: 'm2' }, among: { tag: 'user', values: ['bob'] } })).toEqual([]);
    });

    it('finds points by a list of values of any text', async () => {
      const points = ODD_TEXTS.map(([, text], i) => point(START, { user: text }, { input_tokens: i }));
      await write(...points);
      const values = ODD_TEXTS.map(([, text]) => text);

      const found = await store.points({ ...ALL, where: { account }, among: { tag: 'user', values } });

      const texts = (list: readonly Point[]): string[] =>
        list.map(({ tags, fields }) => `${fields.input_tokens} ${seriesKey(tags)}`).toSorted();
      expect(texts(found)).toEqual(texts(points));
    });

    when(exact)('gives back the points of counts above 2^53', async () => {
      const large = point(START, {}, { input_tokens: 2n ** 53n + 1n, output_tokens: 2n ** 63n - 1n });
      await write(large);

      expect(await store.points({ ...ALL, where: { account } })).toEqual([large]);
    });

    it('gives back every text exactly', async () => {
      const points = ODD_TEXTS.map(([, text], i) =>
        point(START, { user: text, model: text }, { requests: i + 1 }),
      );
      await write(...points);

      const rows = await sums(['user', 'model']);

      const found = new Map(rows.map((row) => [row.tags.user, row]));
      for (const [i, [name, text]] of ODD_TEXTS.entries()) {
        expect(found.get(text), name).toEqual({
          tags: { user: text, model: text },
          fields: { requests: i + 1 },
        });
      }
      expect(rows).toHaveLength(ODD_TEXTS.length);
    });

    it('finds every text exactly', async () => {
      await write(...ODD_TEXTS.map(([, text], i) => point(START, { user: text }, { requests: i + 1 })));

      for (const [i, [name, text]] of ODD_TEXTS.entries()) {
        expect(await sums([], { where: { user: text } }), name).toEqual([
          { tags: {}, fields: { requests: i + 1 } },
        ]);
      }
    });

    it('tells texts of 64 KB apart', async () => {
      const long = 'x'.repeat(65_536);
      await write(
        point(START, { user: `${long}1` }, { requests: 1 }),
        point(START, { user: `${long}2` }, { requests: 2 }),
        point(START, { user: `${long}2` }, { requests: 4 }),
      );

      const rows = await sums(['user']);

      expect(rows.map((row) => Number(row.fields.requests)).toSorted((a, b) => a - b)).toEqual([1, 4]);
    });

    it('takes 20,000 points in one write', async () => {
      const points = Array.from({ length: 20_000 }, (_, i) =>
        point(
          START + (i % 50) * DAY,
          { user: `user-${Math.floor(i / 50)}` },
          { input_tokens: i, requests: 1 },
        ),
      );

      await write(...points);

      expect(await sums([])).toEqual([{ tags: {}, fields: { input_tokens: 199_990_000, requests: 20_000 } }]);
      expect(await sums(['user'])).toHaveLength(400);
    });

    when(deletes)('removes all points of the series named', async () => {
      await write(
        point(START, { model: 'm1', user: 'ann' }, { requests: 1 }),
        point(START + DAY, { model: 'm1', user: 'ann' }, { requests: 2 }),
        point(START, { model: 'm2', user: 'ann' }, { requests: 4 }),
        point(START, { model: 'm1', user: 'bob' }, { requests: 8 }),
      );

      await store.remove({ ...ALL, where: { account, model: 'm1', user: 'ann' } });

      expect(await sums([])).toEqual([{ tags: {}, fields: { requests: 12 } }]);
      await write(point(START, { model: 'm1', user: 'ann' }, { requests: 16 }));
      expect(await sums([])).toEqual([{ tags: {}, fields: { requests: 28 } }]);
    });

    when(deletes)('removes all points of all time, and takes them again', async () => {
      const points = [
        point(START, { user: 'ann' }, { requests: 1 }),
        point(START + DAY, { user: 'ann', model: 'm1' }, { requests: 2, input_tokens: 20 }),
        point(START, { user: 'bob' }, { requests: 4 }),
      ];
      await write(...points);

      await store.remove({ start: 0, end: 4_102_444_800, where: { account, user: 'ann' } });

      expect(await sums([])).toEqual([{ tags: {}, fields: { requests: 4 } }]);
      await write(...points);
      expect(await sums([])).toEqual([{ tags: {}, fields: { requests: 7, input_tokens: 20 } }]);
    });

    it.each([
      ['the first points', START, START + DAY, 6],
      ['the points in the middle', START + DAY, START + 2 * DAY, 5],
      ['the last points', START + 2 * DAY, ALL.end, 3],
    ])('removes %s, or refuses and removes nothing', async (_, start, end, rest) => {
      await write(
        point(START, {}, { requests: 1 }),
        point(START + DAY, {}, { requests: 2 }),
        point(START + 2 * DAY, {}, { requests: 4 }),
      );

      const refusal = await store.remove({ start, end, where: { account } }).catch((error: unknown) => error);

      if (refusal !== undefined) expect(refusal).toMatchObject({ name: 'StoreError', kind: 'config' });
      expect(await sums([])).toEqual([{ tags: {}, fields: { requests: refusal === undefined ? rest : 7 } }]);
    });

    it('keeps measurements apart', async () => {
      const usage = point(START, { user: 'ann' }, { tokens: 7, input_tokens: 7 });
      const result: Point = {
        measurement: 'llm_token_reconciliation',
        time: START,
        tags: { provider: 'trae', account, job: 'trae' },
        fields: { provider_tokens: 10, stored_tokens: 7, difference: -3, from: START, to: START + DAY },
      };
      const health: Point = {
        measurement: 'llm_collector_health',
        time: START + 1,
        tags: { provider: 'trae', account, job: 'trae' },
        fields: { gaps_open: 1, polls_ok: 0 },
      };
      await write(usage, result, health);

      expect(await sums([])).toEqual([{ tags: {}, fields: { tokens: 7, input_tokens: 7 } }]);
      expect(await sums(['job'], { measurement: result.measurement! })).toEqual([
        { tags: { job: 'trae' }, fields: result.fields },
      ]);
      expect(await store.points({ ...ALL, where: { account } })).toEqual([usage]);
      for (const each of [result, health]) {
        const { measurement = '' } = each;
        expect(await store.points({ ...ALL, measurement, where: { account } })).toEqual([each]);
      }
      if (!deletes) return;
      await store.remove({ ...ALL, where: { account } });
      expect(await sums([])).toEqual([]);
      expect(await sums([], { measurement: health.measurement! })).toEqual([
        { tags: {}, fields: health.fields },
      ]);
    });

    it('stores the tags and fields of the catalogue that it was opened with', async () => {
      const extended = await open(EXTENDED);
      const own = (region: string, fields: Record<string, number>): Point =>
        point(START, { region } as Tags, fields);
      const points = [
        own('eu', { requests: 1, pages: 2, balance: -5, share: 0.5 }),
        own('us', { requests: 4, pages: 8, balance: 3, share: 0.25 }),
      ];

      expect(await extended.write(points)).toEqual({ accepted: 2, rejected: [], kept: [] });

      const found = await extended.points({ ...ALL, where: { account, region: 'eu' } as Tags });
      expect(found).toEqual([points[0]]);
      expect(await extended.sums({ ...ALL, where: { account }, by: [] })).toEqual([
        { tags: {}, fields: { requests: 5, pages: 10, balance: -2, share: 0.75 } },
      ]);
      const rows = await extended.series({
        ...DAILY,
        by: ['region'] as never,
        filters: [{ tag: 'account', values: [account] }],
      });
      expect(rows.map(({ tags, total }) => ({ tags, total }))).toEqual([
        { tags: { region: 'eu' }, total: points[0]!.fields },
        { tags: { region: 'us' }, total: points[1]!.fields },
      ]);
      await extended.close();
    });

    it('refuses a point of an unknown measurement', async () => {
      const unknown = { ...point(START, {}, { requests: 1 }), measurement: 'cpu' };

      expect(await store.write([unknown])).toMatchObject({
        accepted: 0,
        rejected: [{ point: unknown, reason: expect.stringContaining('cpu') }],
      });
    });

    it('refuses a point that cannot be stored, and stores the others', async () => {
      const good = [
        point(START, { user: 'ann' }, { requests: 1 }),
        point(START, { user: 'bob' }, { requests: 2 }),
      ];
      const bad = [
        point(START, { user: 'none' }, {}),
        point(START, { user: 'huge' }, { requests: 2n ** 63n }),
        point(START, { user: 'negative' }, { requests: -1 }),
        point(START, { user: 'fraction' }, { requests: 1.5 }),
        point(START, { user: 'rounded' }, { requests: 2 ** 60 }),
      ];

      const result = await store.write([good[0]!, ...bad, good[1]!]);

      expect(result).toMatchObject({ accepted: 2, kept: [] });
      expect(result.rejected.map((rejection) => rejection.point)).toEqual(bad);
      for (const { reason } of result.rejected) expect(reason).toMatch(/\w+ \w+/);
      expect(await sums([])).toEqual([{ tags: {}, fields: { requests: 3 } }]);
    });

    describe('a series', () => {
      const DAY_1 = Date.UTC(2025, 2, 29, 23) / 1000;

      function series(query: Partial<SeriesQuery> = {}): Promise<SeriesRow[]> {
        const filters = [{ tag: 'account' as const, values: [account] }, ...(query.filters ?? [])];
        return store.series({ ...DAILY, ...query, filters });
      }

      /** Per group its values and steps: `{ann: [[0, 1], [1, 2]]}`, in days since START. */
      function counted(rows: readonly SeriesRow[], tag: keyof Tags): Record<string, unknown> {
        return Object.fromEntries(
          rows.map(({ tags, other, steps }) => [
            other ? 'other' : (tags[tag] ?? ''),
            steps.map(({ time, fields }) => [(time - START) / DAY, fields.requests]),
          ]),
        );
      }

      it('of nothing is empty', async () => {
        expect(await series()).toEqual([]);
      });

      it('has exact sums by step, and no step without points', async () => {
        await write(
          point(START, { user: 'ann' }, { requests: 1, input_tokens: 5 }),
          point(START + 3600, { user: 'bob' }, { requests: 2 }),
          point(START + 2 * DAY, { user: 'ann' }, { requests: 0 }),
        );

        expect(await series()).toEqual([
          {
            tags: {},
            other: false,
            steps: [
              { time: START, fields: { requests: 3, input_tokens: 5 } },
              { time: START + 2 * DAY, fields: { requests: 0 } },
            ],
            total: { requests: 3, input_tokens: 5 },
          },
        ]);
      });

      it('has days of 23 and 25 hours in zones with summer time', async () => {
        const time = (month: number, day: number, hour: number): number =>
          Date.UTC(2025, month - 1, day, hour) / 1000;
        await write(
          // Berlin: 30 March begins at 23:00 UTC and ends at 22:00 UTC.
          point(time(3, 29, 22), {}, { requests: 1 }),
          point(time(3, 29, 23), {}, { requests: 2 }),
          point(time(3, 30, 21), {}, { requests: 4 }),
          point(time(3, 30, 22), {}, { requests: 8 }),
          // 26 October begins at 22:00 UTC and ends at 23:00 UTC.
          point(time(10, 25, 22), {}, { requests: 16 }),
          point(time(10, 26, 22), {}, { requests: 32 }),
          point(time(10, 26, 23), {}, { requests: 64 }),
        );

        const [row] = await series({ zone: 'Europe/Berlin' });

        expect(row?.steps).toEqual([
          { time: time(3, 28, 23), fields: { requests: 1 } },
          { time: DAY_1, fields: { requests: 6 } },
          { time: time(3, 30, 22), fields: { requests: 8 } },
          { time: time(10, 25, 22), fields: { requests: 48 } },
          { time: time(10, 26, 23), fields: { requests: 64 } },
        ]);
      });

      it('has weeks from Monday, and months', async () => {
        const time = (text: string): number => Date.parse(`${text}T00:00:00Z`) / 1000;
        await write(
          point(time('2025-01-05'), {}, { requests: 1 }),
          point(time('2025-01-06'), {}, { requests: 2 }),
          point(time('2025-01-31'), {}, { requests: 4 }),
          point(time('2025-02-01'), {}, { requests: 8 }),
        );

        expect((await series({ step: 'week' }))[0]?.steps).toEqual([
          { time: time('2024-12-30'), fields: { requests: 1 } },
          { time: time('2025-01-06'), fields: { requests: 2 } },
          { time: time('2025-01-27'), fields: { requests: 12 } },
        ]);
        expect((await series({ step: 'month' }))[0]?.steps).toEqual([
          { time: time('2025-01-01'), fields: { requests: 7 } },
          { time: time('2025-02-01'), fields: { requests: 8 } },
        ]);
      });

      it('has the hours of zones whose offset is no whole hour', async () => {
        await write(
          point(START + 1800, { user: 'ann' }, { requests: 1 }),
          point(START + 3600 + 1800, { user: 'ann' }, { requests: 2 }),
        );

        const [row] = await series({ step: 'hour', zone: 'Asia/Kolkata', start: START, end: START + DAY });

        expect(row?.steps).toEqual([
          { time: START + 1800, fields: { requests: 1 } },
          { time: START + 3600 + 1800, fields: { requests: 2 } },
        ]);
      });

      it('counts the points of a half-open range, though its first step may begin before it', async () => {
        await write(
          point(START, {}, { requests: 1 }),
          point(START + 3600, {}, { requests: 2 }),
          point(START + DAY, {}, { requests: 4 }),
        );

        expect((await series({ start: START + 1, end: START + DAY }))[0]?.steps).toEqual([
          { time: START, fields: { requests: 2 } },
        ]);
      });

      it('is grouped by two tags, with absent ones as a group of their own', async () => {
        await write(
          point(START, { user: 'ann', model: 'm1' }, { requests: 1 }),
          point(START, { user: 'ann', model: 'm2' }, { requests: 2 }),
          point(START, { user: 'ann' }, { requests: 4 }),
          point(START, { model: 'm1', key: 'k' }, { requests: 8 }),
          point(START, { model: 'm1', key: 'l' }, { requests: 16 }),
        );

        expect((await series({ by: ['user', 'model'] })).map(({ tags, total }) => ({ tags, total }))).toEqual(
          [
            { tags: { model: 'm1' }, total: { requests: 24 } },
            { tags: { user: 'ann' }, total: { requests: 4 } },
            { tags: { user: 'ann', model: 'm1' }, total: { requests: 1 } },
            { tags: { user: 'ann', model: 'm2' }, total: { requests: 2 } },
          ],
        );
      });

      it('keeps the largest groups of the whole range and sums the others', async () => {
        await write(
          point(START, { user: 'ann' }, { requests: 5 }),
          point(START, { user: 'bob' }, { requests: 1 }),
          point(START + DAY, { user: 'bob' }, { requests: 9 }),
          point(START, { user: 'cid' }, { requests: 2 }),
          point(START + DAY, { user: 'dan' }, { requests: 3, images: 1 }),
          point(START, { user: 'eve' }, { images: 100 }),
        );
        const top = (count: number): Promise<SeriesRow[]> =>
          series({ by: ['user'], top: { count, field: 'requests' } });

        expect(counted(await top(2), 'user')).toEqual({
          bob: [
            [0, 1],
            [1, 9],
          ],
          ann: [[0, 5]],
          other: [
            [0, 2],
            [1, 3],
          ],
        });
        expect((await top(2)).map(({ tags, other, total }) => ({ tags, other, total }))).toEqual([
          { tags: { user: 'bob' }, other: false, total: { requests: 10 } },
          { tags: { user: 'ann' }, other: false, total: { requests: 5 } },
          { tags: {}, other: true, total: { requests: 5, images: 101 } },
        ]);
        expect(Object.keys(counted(await top(5), 'user'))).toEqual(['bob', 'ann', 'dan', 'cid', 'eve']);
        expect(Object.keys(counted(await top(0), 'user'))).toEqual(['other']);
      });

      it('breaks ties by tag values', async () => {
        await write(...['c', 'a', 'd', 'b'].map((user) => point(START, { user }, { requests: 1 })));

        const rows = await series({ by: ['user'], top: { count: 2, field: 'requests' } });

        expect(rows.map(({ tags }) => tags.user)).toEqual(['a', 'b', undefined]);
      });

      it('is filtered by values, by absent tags and by their negation', async () => {
        await write(
          point(START, { user: 'ann', model: 'm1' }, { requests: 1 }),
          point(START, { user: 'bob', model: 'm2' }, { requests: 2 }),
          point(START, { user: "O'Brien, \\", model: 'm1' }, { requests: 4 }),
          point(START, { model: 'm1' }, { requests: 8 }),
        );
        const total = async (...filters: NonNullable<SeriesQuery['filters']>): Promise<unknown> =>
          (await series({ filters }))[0]?.total.requests;

        expect(await total({ tag: 'user', values: ['ann', 'bob'] })).toBe(3);
        expect(await total({ tag: 'user', values: ["O'Brien, \\"] })).toBe(4);
        expect(await total({ tag: 'user', values: [''] })).toBe(8);
        expect(await total({ tag: 'user', values: ['', 'ann'] })).toBe(9);
        expect(await total({ tag: 'user', values: ['ann'], negate: true })).toBe(14);
        expect(await total({ tag: 'user', values: [''], negate: true })).toBe(7);
        expect(await total({ tag: 'user', values: [] })).toBe(undefined);
        expect(await total({ tag: 'user', values: [], negate: true })).toBe(15);
        expect(
          await total({ tag: 'user', values: [''], negate: true }, { tag: 'model', values: ['m1'] }),
        ).toBe(5);
      });

      when(exact)('is exact above 2^53', async () => {
        const large = 2n ** 53n + 1n;
        await write(
          point(START, { user: 'ann' }, { requests: large }),
          point(START + 3600, { user: 'ann' }, { requests: large }),
          point(START, { user: 'bob' }, { requests: 2n ** 62n }),
          point(START, { user: 'cid' }, { requests: 2n ** 62n + 1n }),
        );
        const top = { count: 1, field: 'requests' } as const;

        const rows = await series({ by: ['user'], top });

        expect(rows.map(({ tags, total }) => ({ ...tags, ...total }))).toEqual([
          { user: 'cid', requests: 2n ** 62n + 1n },
          { requests: 2n ** 62n + 2n * large },
        ]);
      });

      when(exact)('above 2^63-1 is an error that says so', async () => {
        await write(
          point(START, { user: 'ann' }, { requests: 2n ** 63n - 1n }),
          point(START, { user: 'bob' }, { requests: 1 }),
        );

        await expect(series()).rejects.toMatchObject({
          name: 'StoreError',
          kind: 'config',
          message: expect.stringContaining('2^63-1'),
        });
        expect(await series({ by: ['user'] })).toHaveLength(2);
      });

      when(overwrites)('shows what was corrected and removed since it was last read', async () => {
        const requests = async (): Promise<unknown> => (await series())[0]?.steps.map(({ fields }) => fields);
        await write(
          point(START, { user: 'ann' }, { requests: 1 }),
          point(START + DAY, { user: 'bob' }, { requests: 2 }),
        );
        expect(await requests()).toEqual([{ requests: 1 }, { requests: 2 }]);

        await write(point(START, { user: 'ann' }, { requests: 10 }));
        expect(await requests()).toEqual([{ requests: 10 }, { requests: 2 }]);

        await write(point(START + 3600, { user: 'cid' }, { requests: 100 }));
        expect(await requests()).toEqual([{ requests: 110 }, { requests: 2 }]);

        await store.remove({ ...ALL, where: { account, user: 'ann' } });
        expect(await requests()).toEqual([{ requests: 100 }, { requests: 2 }]);
      });
    });

    it('passes its own check again and again, and the check leaves nothing behind', async () => {
      await store.check();
      const remarks = await store.check();

      expect(remarks).toBeInstanceOf(Array);
      expect(await sums([])).toEqual([]);
    });

    it('shows no credential', () => {
      const shown = `${store.description} ${store.identity}`;

      for (const credential of credentials) expect(shown).not.toContain(credential);
      expect(shown).not.toMatch(/token=|password|p=/i);
      expect(store.description).not.toBe('');
      expect(store.identity).not.toBe('');
    });

    it('closes twice', async () => {
      await store.close();

      await expect(store.close()).resolves.toBeUndefined();
    });
  });
}

/** Registers a test only where the store promises what the test is about. */
function when(promised: boolean): (name: string, test: () => Promise<void>) => void {
  return promised ? it : () => undefined;
}

/** Rows in an order that does not depend on the store. */
function byTags(rows: readonly SumRow[]): SumRow[] {
  return rows.toSorted((a, b) => (seriesKey(a.tags) < seriesKey(b.tags) ? -1 : 1));
}
