import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import type { SeriesQuery } from '../../src/store/series-query.ts';
import { seriesOfPoints } from '../../src/store/series.ts';
import type { Point } from '../../src/usage/point.ts';
import { openTestStore, type TestStore } from '../support/influx-store.ts';
import { startInflux3Double, type Influx3Double } from '../support/influx3-double.ts';
import { runs } from '../support/extent.ts';

const HOUR = 3_600;
/** Three days before the clocks change in Berlin. */
const START = Date.UTC(2025, 2, 27) / 1_000;

let server: Influx3Double;
let opened: TestStore;

beforeAll(async () => {
  server = await startInflux3Double('usage');
  opened = await openTestStore({ url: server.url, bucket: 'usage', token: new Secret('token') });
});

afterAll(async () => {
  await opened.store.close();
  await server.close();
});

const point = fc.record({
  time: fc.integer({ min: 0, max: 24 * 30 * 4 }).map((quarters) => START + quarters * (HOUR / 4)),
  tags: fc.record({ user: fc.constantFrom('', 'ann', "O'Brien \\"), model: fc.constantFrom('', 'm1', 'm2') }),
  fields: fc.record({ requests: fc.nat(), images: fc.nat() }, { requiredKeys: [] }),
});
const query = fc.record(
  {
    start: fc.nat(40 * HOUR).map((seconds) => START + seconds),
    end: fc.integer({ min: 41 * HOUR, max: 31 * 24 * HOUR }).map((seconds) => START + seconds),
    step: fc.constantFrom('hour' as const, 'day' as const, 'week' as const, 'month' as const),
    zone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/St_Johns', 'Asia/Shanghai'),
    by: fc.subarray(['user', 'model'] as const),
    top: fc.record({ count: fc.nat(4), field: fc.constantFrom('requests' as const, 'images' as const) }),
    filters: fc.array(
      fc.record({
        tag: fc.constantFrom('user' as const, 'model' as const),
        values: fc.subarray(['', 'ann', "O'Brien \\", 'm1']),
        negate: fc.boolean(),
      }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: ['start', 'end', 'step', 'zone', 'by'] },
);

it('equals the sums of the points, whatever the query', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(point, { maxLength: 40 }), query, async (records, wanted) => {
      const account = `run-${run++}`;
      const unique = new Map(records.map((each) => [JSON.stringify([each.time, each.tags]), each]));
      const points = [...unique.values()]
        .filter(({ fields }) => Object.keys(fields).length > 0)
        .map((each): Point => ({ ...each, tags: { ...each.tags, account } }));
      await opened.store.write(points);
      const { filters = [], ...rest } = wanted;
      const asked = { ...rest, filters: [...filters, { tag: 'account', values: [account] }] } as SeriesQuery;

      const inRange = points.filter(({ time }) => time >= asked.start && time < asked.end);
      expect(await opened.store.series(asked)).toEqual(seriesOfPoints(asked, inRange));
    }),
    runs(150),
  );
});

it('reads only the best groups step by step', async () => {
  const bodies: string[] = [];
  const counting: typeof fetch = async (url, init) => {
    const response = await fetch(url, init);
    bodies.push(await response.clone().text());
    return response;
  };
  const { store } = await openTestStore({
    url: server.url,
    bucket: 'usage',
    token: new Secret('token'),
    fetch: counting,
  });
  const users = Array.from({ length: 40 }, (_, user) => `${user}`);
  await store.write(
    users.flatMap((user) =>
      Array.from({ length: 48 }, (_, hour) => ({
        time: START + hour * HOUR,
        tags: { account: 'many', user },
        fields: { requests: Number(user) },
      })),
    ),
  );
  bodies.length = 0;

  const rows = await store.series({
    start: START,
    end: START + 48 * HOUR,
    step: 'hour',
    zone: 'UTC',
    by: ['user'],
    filters: [{ tag: 'account', values: ['many'] }],
    top: { count: 3, field: 'requests' },
  });

  const received = bodies.join('').split('],[').length;
  expect(rows.map(({ tags }) => tags.user)).toEqual(['39', '38', '37', undefined]);
  expect(rows.every(({ steps }) => steps.length === 48)).toBe(true);
  expect(received).toBeLessThan(40 + 4 * 48 + 50);
});
