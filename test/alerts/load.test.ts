import { expect, test } from 'vitest';
import { HISTORY, loadSeries } from '../../src/alerts/load.ts';
import type { HourlySeries } from '../../src/alerts/types.ts';
import type { Fields, Point, Tags } from '../../src/usage/point.ts';
import { memoryStore } from '../support/memory-store.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
/** 2026-03-02T00:00:00Z */
const FROM = 1_772_409_600;
const TO = FROM + DAY;

function point(hour: number, tags: Tags, fields: Fields): Point {
  const common = { provider: 'r9s', account: 'main', bucket: '1h' };
  return { time: FROM + hour * HOUR, tags: { ...common, ...tags }, fields };
}

async function load(points: readonly Point[], zone = 'UTC'): Promise<HourlySeries[]> {
  const store = memoryStore();
  await store.write(points);
  return loadSeries(store, { from: FROM, to: TO, zone });
}

/** `[hour after FROM, value]` of the hours that are neither 0 nor unread. */
function hoursIn({ start }: HourlySeries, values: Float64Array | undefined): [number, number][] {
  return [...(values ?? [])].flatMap((value, index): [number, number][] =>
    value > 0 ? [[(start + index * HOUR - FROM) / HOUR, value]] : [],
  );
}

function only(series: readonly HourlySeries[], scope: string): HourlySeries {
  const found = series.filter((each) => each.scope === scope);
  expect(found).toHaveLength(1);
  return found[0]!;
}

test('a point is part of its account and of one series for each of its tags', async () => {
  const tags = { team: 'search', user: 'ann', key: 'k1', model: 'm1', endpoint: 'e1' };

  const series = await load([point(5, tags, { tokens: 7 })]);

  const own = { provider: 'r9s', account: 'main' };
  expect(Object.fromEntries(series.map((each) => [each.scope, each.tags]))).toEqual({
    account: own,
    team: { ...own, team: 'search' },
    model: { ...own, model: 'm1' },
    user: { ...own, user: 'ann', team: 'search' },
    key: { ...own, key: 'k1' },
    endpoint: { ...own, endpoint: 'e1' },
  });
  for (const each of series) expect(hoursIn(each, each.tokens)).toEqual([[5, 7]]);
});

test('points of an hour are summed over the tags that a series does not have', async () => {
  const series = await load([
    point(0, { key: 'k1', model: 'm1' }, { tokens: 1, input_tokens: 10, requests: 100 }),
    point(0, { key: 'k1', model: 'm2' }, { tokens: 2, input_tokens: 20 }),
    point(1, { key: 'k2', model: 'm2' }, { tokens: 4, output_tokens: 40, cached_input_tokens: 3 }),
  ]);

  const account = only(series, 'account');
  const keys = series.filter(({ scope }) => scope === 'key');
  expect(hoursIn(account, account.tokens)).toEqual([
    [0, 3],
    [1, 4],
  ]);
  expect(hoursIn(account, account.input)).toEqual([[0, 30]]);
  expect(hoursIn(account, account.output)).toEqual([[1, 40]]);
  expect(hoursIn(account, account.cached)).toEqual([[1, 3]]);
  expect(keys.map((key) => hoursIn(key, key.tokens))).toEqual([[[0, 3]], [[1, 4]]]);
  expect(keys.map((key) => hoursIn(key, key.requests))).toEqual([[[0, 100]], []]);
});

test('a field that a series never has is absent', async () => {
  const { requests, cached, tokens } = only(await load([point(0, {}, { input_tokens: 5 })]), 'account');

  expect([requests, cached]).toEqual([undefined, undefined]);
  expect(tokens.includes(5)).toBe(true);
});

test('points of another writer without the field tokens count with total, else input and output', async () => {
  const series = await load([
    point(0, { key: 'a' }, { input_tokens: 5, output_tokens: 6 }),
    point(1, { key: 'a' }, { input_tokens: 5, total_tokens: 20 }),
  ]);

  const key = only(series, 'key');
  expect(hoursIn(key, key.tokens)).toEqual([
    [0, 11],
    [1, 20],
  ]);
});

test('days, and what is not in the range, are left out', async () => {
  const tokens = { tokens: 9 };
  const first = -HISTORY / HOUR;

  const series = await load([
    point(0, { bucket: '1d', key: 'day' }, tokens),
    point(first - 1, { key: 'too old' }, tokens),
    point(first, { key: 'oldest' }, tokens),
    point(23, { key: 'newest' }, tokens),
    point(24, { key: 'too new' }, tokens),
  ]);

  expect(series.flatMap(({ tags }) => tags.key ?? [])).toEqual(['oldest', 'newest']);
  expect(
    series.every(({ start, tokens: { length } }) => start === FROM - HISTORY && length === 36 * 24),
  ).toBe(true);
});

test('accounts and providers with the same keys are different series', async () => {
  const series = await load([
    point(0, { key: 'k' }, { tokens: 1 }),
    point(0, { key: 'k', account: 'other' }, { tokens: 2 }),
    point(0, { key: 'k', provider: 'trae' }, { tokens: 4 }),
  ]);

  const keys = series.filter(({ scope }) => scope === 'key');
  expect(keys.map(({ tags: { provider, account } }) => [provider, account])).toEqual([
    ['r9s', 'main'],
    ['r9s', 'other'],
    ['trae', 'main'],
  ]);
  expect(keys.flatMap((key) => hoursIn(key, key.tokens))).toEqual([
    [0, 1],
    [0, 2],
    [0, 4],
  ]);
});

test('a user who changed teams is in the last one', async () => {
  const series = await load([
    point(0, { user: 'ann', team: 'old' }, { tokens: 1 }),
    point(99 - HISTORY / HOUR, { user: 'ann', team: 'older' }, { tokens: 2 }),
    point(1, { user: 'ann', team: 'new' }, { tokens: 4 }),
  ]);

  expect(only(series, 'user').tags.team).toBe('new');
  expect(series.filter(({ scope }) => scope === 'team').map(({ tags }) => tags.team)).toEqual([
    'older',
    'old',
    'new',
  ]);
});

test('an hour without points is no usage; before the first point of the account nobody read', async () => {
  const series = await load([
    point(0, { key: 'a' }, { tokens: 1 }),
    point(3, { key: 'b' }, { tokens: 2 }),
    point(20, { key: 'b' }, { tokens: 0 }),
  ]);

  const key = series.find(({ tags }) => tags.key === 'a')!;
  const at = (hour: number): number => key.tokens[hour + HISTORY / HOUR]!;
  expect([at(-1), at(0), at(1), at(20), at(21)]).toEqual([Number.NaN, 1, 0, 0, Number.NaN]);
});

test('hours begin where they do in the zone', async () => {
  const half = FROM + HOUR / 2;

  const [account] = await load([{ ...point(0, {}, { tokens: 3 }), time: half }], 'Asia/Kolkata');

  expect(account!.start % HOUR).toBe(HOUR / 2);
  expect(account!.tokens[(half - account!.start) / HOUR]).toBe(3);
});

test('sums above 2^53 are close enough', async () => {
  const [account] = await load([
    point(0, { key: 'a' }, { tokens: 2n ** 62n }),
    point(0, { key: 'b' }, { tokens: 2n ** 62n }),
    point(0, { key: 'c' }, { tokens: 2n ** 62n }),
  ]);

  expect(account!.tokens.includes(3 * 2 ** 62)).toBe(true);
});

test('an interruption ends between two queries', async () => {
  const stop = new AbortController();
  let queries = 0;
  const points = () => {
    queries += 1;
    stop.abort();
    return Promise.resolve([]);
  };

  await expect(
    loadSeries({ points }, { from: FROM, to: TO, zone: 'UTC' }, { signal: stop.signal }),
  ).rejects.toThrow();

  expect(queries).toBe(1);
});

test('progress grows to the whole range', async () => {
  const shares: number[] = [];
  const onProgress = (share: number): void => void shares.push(share);

  await loadSeries(memoryStore(), { from: FROM, to: TO, zone: 'UTC' }, { onProgress });

  expect(shares.length).toBeGreaterThan(10);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares.at(-1)).toBe(1);
});
