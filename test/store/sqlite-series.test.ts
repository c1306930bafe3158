import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { seriesOfPoints } from '../../src/store/series.ts';
import type { SeriesQuery, Step } from '../../src/store/series-query.ts';
import { openSqliteFile } from '../../src/store/sqlite/database.ts';
import { createSeriesReader } from '../../src/store/sqlite/series-reader.ts';
import { startSeriesWorker } from '../../src/store/sqlite/worker-reader.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { CATALOGUE } from '../../src/usage/catalogue.ts';
import type { Point, Tag } from '../../src/usage/point.ts';
import { runs } from '../support/extent.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
const START = Date.UTC(2025, 2, 20) / 1000;
const DAYS = 20;
const ALL = { start: START, end: START + DAYS * DAY };

const folder = mkdtempSync(join(tmpdir(), 'tokentide-series-'));
let files = 0;
const newPath = (): string => join(folder, `points-${++files}.db`);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const someTime = fc.integer({ min: 0, max: DAYS * 24 - 1 }).map((hour) => START + hour * HOUR);
const tagValue = fc.constantFrom('a', 'b', 'c', undefined);
const somePoint = fc
  .record({ time: someTime, user: tagValue, model: tagValue, count: fc.nat(1000) })
  .map(({ time, user, model, count }): Point => ({
    time,
    tags: { provider: 'trae', ...(user && { user }), ...(model && { model }) },
    fields: count % 3 === 0 ? { images: count } : { requests: count, input_tokens: count },
  }));
const someQuery: fc.Arbitrary<SeriesQuery> = fc.record({
  start: fc.integer({ min: ALL.start - DAY, max: ALL.end }),
  end: fc.integer({ min: ALL.start, max: ALL.end + DAY }),
  step: fc.constantFrom<Step>('hour', 'day', 'week', 'month'),
  zone: fc.constantFrom('UTC', 'Asia/Shanghai', 'Europe/Berlin', 'Asia/Kolkata'),
  by: fc.subarray<Tag>(['user', 'model']),
  filters: fc.array(
    fc.record({
      tag: fc.constantFrom<Tag>('user', 'model'),
      values: fc.subarray(['a', 'b', 'x', '']),
      negate: fc.boolean(),
    }),
    { maxLength: 2 },
  ),
});
const someAction = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(somePoint, { minLength: 1, maxLength: 30 }).map((points) => ({ points })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      remove: fc.record({
        start: someTime,
        where: fc.constantFrom({ user: 'a' }, { model: 'b' }, { user: '' }),
      }),
    }),
  },
);

describe('series from a cache', () => {
  it('equal those of all points, whatever several processes write, correct and remove in between', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ first: fc.boolean(), action: someAction }), { minLength: 2, maxLength: 8 }),
        fc.array(someQuery, { minLength: 1, maxLength: 2 }),
        async (rounds, queries) => {
          const path = newPath();
          const [one, other] = [openSqliteStore(path), openSqliteStore(path)];
          const file = openSqliteFile(path, { readOnly: true });
          const reader = createSeriesReader(file, CATALOGUE);
          const everything: SeriesQuery = { ...ALL, step: 'day', zone: 'Asia/Shanghai', by: ['user'] };
          for (const { first, action } of rounds) {
            const store = first ? one : other;
            if ('points' in action) await store.write(action.points);
            else await store.remove({ ...action.remove, end: action.remove.start + 3 * DAY });

            for (const query of [everything, ...queries]) {
              expect(await reader.read(query)).toEqual(seriesOfPoints(query, await one.points(query)));
            }
          }
          file.close();
          await one.close();
          await other.close();
        },
      ),
      runs(25),
    );
  });
});

describe('a query in the worker', () => {
  const query: SeriesQuery = { ...ALL, step: 'day', zone: 'UTC', by: ['user'] };
  const points = Array.from({ length: 500 }, (_, i): Point => ({
    time: START + (i % (DAYS * 24)) * HOUR,
    tags: { user: `user-${i % 7}` },
    fields: { requests: i },
  }));

  it('sees what was written before it, and leaves the store open for writes', async () => {
    const store = openSqliteStore(newPath());
    await store.write(points.slice(0, 250));
    await store.series(query);

    const reading = store.series(query);
    await store.write(points.slice(250));

    await reading;
    expect(await store.series(query)).toEqual(seriesOfPoints(query, points));
    await store.close();
  });

  it('that is past its deadline is given up with a hint, and the next one is answered', async () => {
    const path = newPath();
    const store = openSqliteStore(path);
    await store.write(points);
    const late = startSeriesWorker(path, CATALOGUE, -1);
    const inTime = startSeriesWorker(path, CATALOGUE);

    await expect(late.read(query)).rejects.toMatchObject({
      name: 'StoreError',
      kind: 'unavailable',
      hint: expect.stringContaining('shorter'),
    });
    expect(await inTime.read(query)).toHaveLength(7);
    await late.close();
    await inTime.close();
    await store.close();
  });

  it('is rejected when the store is closed meanwhile', async () => {
    const store = openSqliteStore(newPath());
    const reading = store.series(query);

    await Promise.all([
      expect(reading).rejects.toMatchObject({
        kind: 'unavailable',
        message: expect.stringContaining('stopped'),
      }),
      store.close(),
    ]);
  });
});
