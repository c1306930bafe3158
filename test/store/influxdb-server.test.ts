import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { StoreError } from '../../src/store/store.ts';
import type { InfluxOptions } from '../../src/store/influxdb/options.ts';
import { MEASUREMENT, TAGS, type Point } from '../../src/usage/point.ts';
import { openTestStore } from '../support/influx-store.ts';
import { hourlies, hourly } from '../support/influx-points.ts';
import { anyPoint } from '../support/points.ts';
import { describeWith, influxQuery, startInfluxd, type RealServer } from '../support/servers.ts';
import { storeContract } from './contract.ts';
import { runs } from '../support/extent.ts';

const START = 1_735_689_600;
const PASSWORD = 'canary-5d21e8';
const ALL = { start: START, end: START + 366 * 86_400 };

describeWith('influxd', 'a real InfluxDB 1.x', () => {
  let server: RealServer;
  let databases = 0;

  beforeAll(async () => {
    server = await startInfluxd({ settings: ['max-body-size = 200000', 'max-row-limit = 50'] });
  });

  afterAll(() => server.close());

  async function openNew(options: Partial<InfluxOptions> = {}) {
    const database = `usage_${++databases}`;
    await influxQuery(server.url, `CREATE DATABASE ${database}`);
    return { database, ...(await openTestStore({ url: server.url, database, ...options })) };
  }

  async function errorOf(work: Promise<unknown>): Promise<StoreError> {
    const error: unknown = await work.catch((reason: unknown) => reason);
    if (error instanceof StoreError) return error;
    throw new Error('no StoreError');
  }

  it('gives back any text in any tag', async () => {
    const { store } = await openNew();
    const sample = runs(3_000);
    const points = fc.sample(anyPoint, { ...sample, seed: 1 }).map((point, index): Point => ({
      ...point,
      time: START + index,
      tags: { ...point.tags, account: `${index}` },
    }));

    const result = await store.write(points);
    const rows = await store.sums({ ...ALL, by: TAGS });

    expect(result).toEqual({ accepted: sample.numRuns, rejected: [], kept: [] });
    const found = new Map(rows.map((row) => [row.tags.account, row]));
    for (const { tags, fields } of points) expect(found.get(tags.account)).toEqual({ tags, fields });
    expect(rows).toHaveLength(sample.numRuns);
  });

  it('holds a series of 65,500 bytes whole, and a longer one shortened', async () => {
    const { store } = await openNew();
    const whole = 'x'.repeat(65_500 - `${MEASUREMENT},user=`.length - '\\ '.length - 500);
    const users = [`${whole} 1`, `${whole} 2`, `${'é'.repeat(40_000)}1`, `${'é'.repeat(40_000)}2`];
    const points = users.map((user, index): Point => ({
      time: START,
      tags: { user },
      fields: { cached_input_tokens: 10 ** index },
    }));

    const result = await store.write(points);

    expect(result.accepted).toBe(4);
    const stored = (await store.sums({ ...ALL, by: ['user'] })).map(({ tags }) => tags.user ?? '');
    expect(stored.filter((user) => users.includes(user))).toEqual(users.slice(0, 2));
    expect(stored.filter((user) => /^é{500}%~[0-9a-f]{64}$/.test(user))).toHaveLength(2);
    for (const [index, user] of users.entries()) {
      expect(await store.sums({ ...ALL, where: { user }, by: [] })).toEqual([
        { tags: {}, fields: { cached_input_tokens: 10 ** index } },
      ]);
    }
  });

  it('sums more series than a plain answer would have rows', async () => {
    const { store } = await openNew();
    await store.write(hourlies(120));

    expect(await store.sums({ ...ALL, by: ['user'] })).toHaveLength(120);
  });

  it.each([
    ['two of 2^63-1', [2n ** 63n - 1n, 2n ** 63n - 1n]],
    ['three of 2^63-1', [2n ** 63n - 1n, 2n ** 63n - 1n, 2n ** 63n - 1n]],
    ['five of 2^63-1', Array.from({ length: 5 }, () => 2n ** 63n - 1n)],
  ])('refuses to give a sum of %s, which InfluxDB lets wrap around', async (_, counts) => {
    const { store } = await openNew();
    await store.write(counts.map((requests, index) => ({ ...hourly(index), fields: { requests } })));

    const error = await errorOf(store.sums({ ...ALL, by: ['provider'] }));

    expect(error).toMatchObject({
      kind: 'config',
      message: expect.stringContaining('sum of requests above 2^63-1'),
    });
    expect(await store.sums({ ...ALL, by: ['user'] })).toHaveLength(counts.length);
  });

  it('sums up to 2^63-1', async () => {
    const { store } = await openNew();
    const counts = [2n ** 62n, 2n ** 62n - 2n, 1];
    await store.write(counts.map((requests, index) => ({ ...hourly(index), fields: { requests } })));

    const rows = await store.sums({ ...ALL, by: [] });

    expect(rows).toEqual([{ tags: {}, fields: { requests: 2n ** 63n - 1n } }]);
  });

  it('rejects points of a field that is a float in the database, and stores the others', async () => {
    const { store, database, letters } = await openNew();
    // Fields have a type per shard: close in time is the same shard.
    const float = `${MEASUREMENT},user=x images=1.5 ${START}`;
    await fetch(`${server.url}/write?db=${database}&precision=s`, { method: 'POST', body: float });
    const points = Array.from({ length: 300 }, (_, index): Point => ({
      ...hourly(index),
      time: START + index,
      fields: index % 100 === 7 ? { images: 1, requests: 1 } : { requests: 1 },
    }));

    const result = await store.write(points);

    const bad = points.filter(({ fields }) => fields.images);
    expect(result.rejected.map(({ point }) => point)).toEqual(bad);
    expect(result).toMatchObject({ accepted: 297, kept: [] });
    expect(result.rejected[0]?.reason).toContain('field type conflict');
    expect(letters).toEqual(result.rejected);
    const rows = await store.sums({ ...ALL, where: { provider: 'trae' }, by: [] });
    expect(rows).toEqual([{ tags: {}, fields: { requests: 297 } }]);
    expect(await errorOf(store.sums({ ...ALL, by: [] }))).toMatchObject({
      kind: 'config',
      message: expect.stringContaining('has a value of images that is not an integer'),
    });
  });

  it('rejects points that are older than its retention, and stores the others', async () => {
    const { store, database } = await openNew({ retentionPolicy: 'week' });
    await influxQuery(server.url, `CREATE RETENTION POLICY week ON ${database} DURATION 7d REPLICATION 1`);
    const now = Math.floor(Date.now() / 1_000);
    const points = [0, 1, 30, 2, 400].map((days): Point => ({ ...hourly(days), time: now - days * 86_400 }));

    const result = await store.write(points);

    expect(result.rejected.map(({ point }) => point)).toEqual([points[2], points[4]]);
    expect(result.rejected[0]?.reason).toContain('beyond retention');
    expect(await store.sums({ start: now - 10 * 86_400, end: now + 1, by: [] })).toEqual([
      { tags: {}, fields: { requests: 1 + 2 + 3 } },
    ]);
  });

  it('splits what is too large for it', async () => {
    const { store } = await openNew();
    // Random, so that it stays too large when compressed.
    const points = Array.from({ length: 400 }, (_, index): Point => ({
      ...hourly(index),
      tags: {
        user: fc.sample(fc.string({ minLength: 2_000, maxLength: 2_000 }), { numRuns: 1, seed: index })[0]!,
      },
    }));

    const result = await store.write(points);

    expect(result).toEqual({ accepted: 400, rejected: [], kept: [] });
    expect(await store.sums({ ...ALL, by: ['user'] })).toHaveLength(400);
  });

  it('leaves no scratch measurement behind', async () => {
    const { store, database } = await openNew();

    const remarks = await store.check();

    expect(remarks).toEqual([]);
    expect(await influxQuery(server.url, 'SHOW SERIES', { db: database })).not.toContain('tokentide');
  });

  describe('with settings that do not fit', () => {
    it('names the database that is missing', async () => {
      const { store } = await openTestStore({ url: server.url, database: 'nowhere' });

      const works = [
        () => store.write([hourly(0)]),
        () => store.check(),
        () => store.sums({ ...ALL, by: [] }),
      ];
      for (const work of works) {
        const error = await errorOf(work());
        expect(error.kind).toBe('config');
        expect(`${error.message} ${error.hint}`).toMatch(/database not found.*nowhere.*INFLUX_DATABASE/s);
      }
    });

    it('names the retention policy that is missing', async () => {
      const { store } = await openNew({ retentionPolicy: 'nothing' });

      const error = await errorOf(store.write([hourly(0)]));

      expect(`${error.message} ${error.hint}`).toMatch(
        /retention policy not found.*INFLUX_RETENTION_POLICY/s,
      );
    });

    it.each<[string, Partial<InfluxOptions>, RegExp]>([
      [
        'those of 2.x',
        { org: 'o', bucket: 'b', token: new Secret('t') },
        /INFLUX_ORG.*InfluxDB 1\.x.*INFLUX_DATABASE/s,
      ],
      ['none', {}, /InfluxDB 1\.x.*INFLUX_DATABASE/s],
      ['a user without a password', { database: 'a', username: 'u' }, /INFLUX_PASSWORD must both be set/],
      [
        'another version',
        { database: 'a', version: '2' },
        /INFLUX_VERSION is 2.*InfluxDB 1\.x.*INFLUX_VERSION=1/s,
      ],
    ])('refuses %s and says what to set', async (_, settings, expected) => {
      const error = await errorOf(openTestStore({ url: server.url, ...settings }));

      expect(error.kind).toBe('config');
      expect(`${error.message} ${error.hint}`).toMatch(expected);
    });
  });
});

describeWith('influxd', 'a real InfluxDB 1.x with a login', () => {
  let server: RealServer;
  const login = { username: 'tide', password: new Secret(PASSWORD) };

  beforeAll(async () => {
    server = await startInfluxd({ settings: ['auth-enabled = true'] });
    await influxQuery(server.url, `CREATE USER admin WITH PASSWORD 'x' WITH ALL PRIVILEGES`);
    const admin = { u: 'admin', p: 'x' };
    await influxQuery(server.url, 'CREATE DATABASE usage WITH NAME year', admin);
    await influxQuery(server.url, `CREATE RETENTION POLICY other ON usage DURATION INF REPLICATION 1`, admin);
    await influxQuery(server.url, `CREATE USER tide WITH PASSWORD '${PASSWORD}'`, admin);
    await influxQuery(server.url, `CREATE USER reader WITH PASSWORD '${PASSWORD}'`, admin);
    await influxQuery(server.url, `GRANT ALL ON usage TO tide`, admin);
    await influxQuery(server.url, `GRANT READ ON usage TO reader`, admin);
  });

  afterAll(() => server.close());

  storeContract(
    'InfluxDB 1.x with a login and a retention policy of its own',
    async (catalogue) =>
      (
        await openTestStore({
          url: server.url,
          database: 'usage',
          retentionPolicy: 'other',
          ...login,
          ...(catalogue && { catalogue }),
        })
      ).store,
    { credentials: [PASSWORD, Buffer.from(`tide:${PASSWORD}`).toString('base64')] },
  );

  it.each<[string, Partial<InfluxOptions>, RegExp]>([
    ['no login', {}, /401.*INFLUX_USERNAME/s],
    ['a wrong password', { ...login, password: new Secret('wrong') }, /401.*INFLUX_PASSWORD/s],
    ['a user who may only read', { ...login, username: 'reader' }, /403.*right to read and write/s],
  ])('says what to set for %s', async (_, settings, expected) => {
    const { store } = await openTestStore({ url: server.url, database: 'usage', ...settings });

    const error: unknown = await store.write([hourly(0)]).catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(StoreError);
    const { message, hint, kind } = error as StoreError;
    expect(kind).toBe('config');
    expect(`${message} ${hint}`).toMatch(expected);
    expect(`${message} ${hint}`).not.toContain(PASSWORD);
  });
});
