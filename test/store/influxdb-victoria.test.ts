import * as fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { StoreError } from '../../src/store/store.ts';
import { MEASUREMENT, TAGS, type Point } from '../../src/usage/point.ts';
import { openTestStore, type TestStore } from '../support/influx-store.ts';
import { hourlies, hourly } from '../support/influx-points.ts';
import { anyText } from '../support/points.ts';
import { describeWith, startVictoriaMetrics, type RealServer } from '../support/servers.ts';

const START = 1_735_689_600;
const ALL = { start: START, end: START + 366 * 86_400 };
const KEEP = '-retentionPeriod=100y';
const MERGE = '-dedup.minScrapeInterval=1ms';

describeWith('victoria-metrics', 'a real VictoriaMetrics', () => {
  let server: RealServer | undefined;

  afterEach(async () => {
    await server?.close();
  });

  async function open(...settings: string[]): Promise<TestStore> {
    server = await startVictoriaMetrics({ settings });
    return openTestStore({ url: server.url });
  }

  it('gives back any text in any tag', async () => {
    const { store } = await open(KEEP, MERGE);
    const tagged = fc.record(Object.fromEntries(TAGS.map((tag) => [tag, anyText])), {
      noNullPrototype: true,
    });
    const points = fc.sample(tagged, { numRuns: 1_000, seed: 1 }).map((tags, index): Point => ({
      time: START + index,
      tags: { ...tags, account: `${index}` },
      fields: { requests: index },
    }));

    const result = await store.write(points);
    const rows = await store.sums({ ...ALL, by: TAGS });

    expect(result.accepted).toBe(1_000);
    const found = new Map(rows.map((row) => [row.tags.account, row]));
    for (const { tags, fields } of points) expect(found.get(tags.account)).toEqual({ tags, fields });
  });

  it('without deduplication: reports the missing flag, and sums every point once', async () => {
    const { store } = await open(KEEP);
    await store.write(hourlies(50));
    await store.write(hourlies(50));

    const rows = await store.sums({ ...ALL, by: [] });

    expect(store.overwrites).toBe(false);
    expect(store.remarks.join('\n')).toContain('-dedup.minScrapeInterval=1ms');
    expect(await store.check()).toEqual(expect.arrayContaining([...store.remarks]));
    expect(rows).toEqual([{ tags: {}, fields: { requests: (50 * 51) / 2 } }]);
  });

  it('with deduplication: reports that an old version cannot be overwritten reliably', async () => {
    const { store } = await open(KEEP, MERGE);

    expect(store.overwrites).toBe(false);
    expect(store.remarks.join('\n')).toContain('before 1.85');
    expect(store.remarks.join('\n')).not.toContain('minScrapeInterval');
  });

  it('rejects what it would silently round or drop, and stores the rest', async () => {
    const { store, letters } = await open('-retentionPeriod=2y', MERGE);
    const now = Math.floor(Date.now() / 1_000);
    const day = 86_400;
    const points: Point[] = [
      { ...hourly(0), time: now - day },
      { ...hourly(1), time: now - day, fields: { requests: 2n ** 53n } },
      { ...hourly(2), time: now - 3 * 365 * day },
      { ...hourly(3), time: now + 5 * day },
      { ...hourly(4), time: now - 700 * day },
      { ...hourly(5), time: now - day, fields: { requests: Number.MAX_SAFE_INTEGER } },
    ];

    const result = await store.write(points);

    expect(result.rejected.map(({ point }) => point)).toEqual(points.slice(1, 4));
    expect(result.rejected.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('above 2^53-1'),
      expect.stringContaining('-retentionPeriod of VictoriaMetrics (2y)'),
      expect.stringContaining('two days in the future'),
    ]);
    expect(letters).toEqual(result.rejected);
    expect(await store.sums({ start: 0, end: now + 10 * day, by: [] })).toEqual([
      { tags: {}, fields: { requests: 2n ** 53n + 5n } },
    ]);
  });

  it('reads the names of metrics with the separator of the server', async () => {
    const { store } = await open(KEEP, MERGE, '-influxMeasurementFieldSeparator=:');

    await store.write(hourlies(3));
    await store.check();

    expect(await store.sums({ ...ALL, by: [] })).toEqual([{ tags: {}, fields: { requests: 6 } }]);
  });

  it.each([
    ['-influxSkipMeasurement', 'fields could not be distinguished'],
    ['-influxSkipSingleField', 'fields could not be distinguished'],
    ['-dedup.minScrapeInterval=2h', 'hourly points would be dropped'],
  ])('is refused when started with %s', async (flag, why) => {
    const opening = open(KEEP, flag);

    const error: unknown = await opening.catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({
      kind: 'config',
      message: expect.stringContaining(why),
      hint: expect.stringContaining('start it with'),
    });
  });

  it('refuses to sum samples of another program', async () => {
    const { store } = await open(KEEP, MERGE);
    await fetch(`${server!.url}/api/v2/write?precision=s`, {
      method: 'POST',
      body: `${MEASUREMENT} images=1.5 ${START}`,
    });

    await expect(store.sums({ ...ALL, by: [] })).rejects.toMatchObject({
      kind: 'config',
      hint: expect.stringContaining(MEASUREMENT),
    });
  });

  it('with a login: is written with the login, and names the variables without it', async () => {
    const login = { username: 'tide', password: new Secret('canary-91') };
    server = await startVictoriaMetrics({
      settings: [KEEP, MERGE, '-httpAuth.username=tide', '-httpAuth.password=canary-91'],
    });
    const inside = await openTestStore({ url: server.url, ...login });
    const outside = await openTestStore({ url: server.url });

    await inside.store.write(hourlies(3));
    const refused: unknown = await outside.store.write(hourlies(3)).catch((error: unknown) => error);

    expect(await inside.store.sums({ ...ALL, by: [] })).toEqual([{ tags: {}, fields: { requests: 6 } }]);
    expect(refused).toMatchObject({ kind: 'config', hint: expect.stringContaining('INFLUX_PASSWORD') });
  });

  it('without visible flags must be set as INFLUX_VERSION, and is assumed to have the defaults', async () => {
    server = await startVictoriaMetrics({ settings: [KEEP, MERGE, '-metricsAuthKey=k'] });
    const { url } = server;

    await expect(openTestStore({ url })).rejects.toMatchObject({
      kind: 'config',
      hint: expect.stringContaining('INFLUX_VERSION'),
    });
    const { store } = await openTestStore({ url, version: 'victoriametrics' });
    expect(store.overwrites).toBe(false);
    expect(store.remarks.join('\n')).toContain('defaults are assumed');
  });
});
