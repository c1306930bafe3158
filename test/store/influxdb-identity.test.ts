import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { isSameStore } from '../../src/collect/jobs/identity.ts';
import { Secret } from '../../src/lib/secret.ts';
import { startInflux3Double } from '../support/influx3-double.ts';
import { hourlies } from '../support/influx-points.ts';
import { openTestStore } from '../support/influx-store.ts';
import {
  describeWith,
  freePort,
  influxQuery,
  startInfluxd,
  startVictoriaMetrics,
  type RealServer,
} from '../support/servers.ts';

const ID = /^influxdb:[0-9a-f-]{36}$/;

describeWith('influxd', 'the identity of a store in a real InfluxDB 1.x', () => {
  let server: RealServer;

  beforeAll(async () => {
    server = await startInfluxd();
    for (const name of ['one', 'two']) await influxQuery(server.url, `CREATE DATABASE ${name}`);
  });
  afterAll(() => server.close());

  it('is an id in the database, the same under every address, other in every database', async () => {
    const { store } = await openTestStore({ url: server.url, database: 'one' });
    const before = store.identity;
    await store.write(hourlies(1));

    const again = await openTestStore({ url: server.url, database: 'one' });
    const elsewhere = await openTestStore({
      url: server.url.replace('127.0.0.1', 'localhost'),
      database: 'one',
    });
    const other = await openTestStore({ url: server.url, database: 'two' });
    await other.store.write(hourlies(1));

    expect(before).toBe(`influxdb ${server.url} one`);
    expect(store.identity).toMatch(ID);
    expect(again.store.identity).toBe(store.identity);
    expect(elsewhere.store.identity).toBe(store.identity);
    expect(other.store.identity).toMatch(ID);
    expect(other.store.identity).not.toBe(store.identity);
  });

  it('writes nothing until a point is stored, and survives retention', async () => {
    await influxQuery(server.url, 'CREATE DATABASE short WITH DURATION 1h');
    const { store } = await openTestStore({ url: server.url, database: 'short' });
    await store.probe();

    expect(await influxQuery(server.url, 'SHOW SERIES', { db: 'short' })).not.toContain('tokentide_store');
    await store.write([{ ...hourlies(1)[0]!, time: Math.floor(Date.now() / 1000) }]);
    const again = await openTestStore({ url: server.url, database: 'short' });

    expect(store.identity).toMatch(ID);
    expect(again.store.identity).toBe(store.identity);
  });

  it('is the address where the server is down or may not be queried', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;

    const { store } = await openTestStore({ url, version: '1', database: 'one' });

    expect(store.identity).toBe(`influxdb ${url} one`);
  });
});

describeWith('influxd', 'the addresses of a store in a real InfluxDB 1.x', () => {
  let server: RealServer;

  beforeAll(async () => {
    server = await startInfluxd();
    await influxQuery(server.url, `CREATE DATABASE "a b,c=d"`);
  });
  afterAll(() => server.close());

  it('are kept in it, so that a job recorded with one of them is accepted under another', async () => {
    const named = server.url.replace('127.0.0.1', 'localhost');
    const first = await openTestStore({ url: server.url, database: 'a b,c=d' });
    const recorded = first.store.identity;
    const early = await openTestStore({ url: named, database: 'a b,c=d' });
    const recordedEarly = early.store.identity;
    await first.store.write(hourlies(1));
    await early.store.write(hourlies(1));

    const again = await openTestStore({ url: server.url, database: 'a b,c=d' });
    const elsewhere = await openTestStore({ url: named, database: 'a b,c=d' });

    expect(recorded).toBe(`influxdb ${server.url} a b,c=d`);
    expect(recordedEarly).toBe(`influxdb ${named} a b,c=d`);
    for (const { store } of [again, elsewhere]) {
      expect(isSameStore(recorded, store)).toBe(true);
      expect(isSameStore(recordedEarly, store)).toBe(true);
      expect(isSameStore('influxdb http://other:8086 a b,c=d', store)).toBe(false);
    }
  });

  it('may have two ids, created at the same time: both identify it, and the smaller one is used', async () => {
    await influxQuery(server.url, 'CREATE DATABASE both');
    const ids = ['1111-a', '0000-b'];
    const lines = ids.map((id) => `tokentide_store,address=a,id=${id} value=1 4102444800`);
    await fetch(`${server.url}/write?db=both&precision=s`, { method: 'POST', body: lines.join('\n') });

    const { store } = await openTestStore({ url: server.url, database: 'both' });

    expect(store.identity).toBe('influxdb:0000-b');
    expect(isSameStore('influxdb:1111-a', store)).toBe(true);
  });
});

describe('the addresses of a store in an InfluxDB 3 in memory', () => {
  it('are kept in it', async () => {
    const server = await startInflux3Double('usage');
    onTestFinished(() => server.close());
    const access = { bucket: 'usage', token: new Secret('x') };
    const { store } = await openTestStore({ ...access, url: server.url });
    const recorded = store.identity;
    await store.write(hourlies(1));

    const elsewhere = await openTestStore({ ...access, url: server.url.replace('127.0.0.1', 'localhost') });

    expect(recorded).toBe(`influxdb ${server.url} usage`);
    expect(elsewhere.store.identity).toBe(store.identity);
    expect(isSameStore(recorded, elsewhere.store)).toBe(true);
  });
});

describeWith('influxd', 'a user of InfluxDB 1.x who may only write', () => {
  let server: RealServer;
  const admin = { u: 'admin', p: 'x' };

  beforeAll(async () => {
    server = await startInfluxd({ settings: ['auth-enabled = true'] });
    await influxQuery(server.url, `CREATE USER admin WITH PASSWORD 'x' WITH ALL PRIVILEGES`);
    await influxQuery(server.url, 'CREATE DATABASE usage', admin);
    await influxQuery(server.url, `CREATE USER writer WITH PASSWORD 'y'`, admin);
    await influxQuery(server.url, 'GRANT WRITE ON usage TO writer', admin);
  });
  afterAll(() => server.close());

  it('writes points, and never replaces the id it cannot read', async () => {
    const owner = await openTestStore({
      url: server.url,
      database: 'usage',
      username: 'admin',
      password: new Secret('x'),
    });
    await owner.store.write(hourlies(1));

    const { store } = await openTestStore({
      url: server.url,
      database: 'usage',
      username: 'writer',
      password: new Secret('y'),
    });
    const result = await store.write(hourlies(2));
    const again = await openTestStore({
      url: server.url,
      database: 'usage',
      username: 'admin',
      password: new Secret('x'),
    });

    expect(result.accepted).toBe(2);
    expect(store.identity).toBe(`influxdb ${server.url} usage`);
    expect(again.store.identity).toBe(owner.store.identity);
  });
});

describeWith('victoria-metrics', 'a real VictoriaMetrics', () => {
  let server: RealServer;

  beforeAll(async () => {
    server = await startVictoriaMetrics();
  });
  afterAll(() => server.close());

  it('holds an id, written again every day because it expires', async () => {
    let now = Date.now();
    const { store } = await openTestStore({ url: server.url, now: () => now });
    await store.write(hourlies(1));
    const samples = async (): Promise<number> => {
      await fetch(`${server.url}/internal/force_flush`);
      const query = `match[]=tokentide_store_value&start=0&end=${now / 1000 + 60}`;
      const text = await (await fetch(`${server.url}/api/v1/export?${query}`)).text();
      return text
        .split('\n')
        .filter(Boolean)
        .flatMap((line) => (JSON.parse(line) as { values: number[] }).values).length;
    };
    await store.write(hourlies(1));
    const before = await samples();
    now += 86_400_001;
    await store.write(hourlies(1));

    const again = await openTestStore({ url: server.url.replace('127.0.0.1', 'localhost') });
    expect(isSameStore(`victoriametrics ${server.url}`, again.store)).toBe(true);
    expect(store.identity).toMatch(ID);
    expect(again.store.identity).toBe(store.identity);
    expect([before, await samples()]).toEqual([1, 2]);
  });

  it('finds its id where its clock is behind that of the collector', async () => {
    const fresh = await startVictoriaMetrics();
    onTestFinished(() => fresh.close());
    const now = (): number => Date.now() + 3_600_000;
    const { store } = await openTestStore({ url: fresh.url, now });

    await store.write(hourlies(1));

    const again = await openTestStore({ url: fresh.url, now });
    expect(store.identity).toMatch(ID);
    expect(again.store.identity).toBe(store.identity);
  });

  it('is read once it is there: a store that opens while it is down', async () => {
    const { store } = await openTestStore({ url: server.url });
    await store.write(hourlies(1));
    await server.stop();

    const down = await openTestStore({ url: server.url, version: 'victoriametrics' });
    const kept = await down.store.write(hourlies(3));
    const whileDown = { identity: down.store.identity, overwrites: down.store.overwrites };
    await server.start();
    const stored = await down.store.write(kept.kept);

    expect(kept).toMatchObject({ accepted: 0, rejected: [], error: { kind: 'unavailable' } });
    expect(kept.kept).toEqual(hourlies(3));
    expect(whileDown).toEqual({ identity: `victoriametrics ${server.url}`, overwrites: false });
    expect(stored).toEqual({ accepted: 3, rejected: [], kept: [] });
    expect(down.store.overwrites).toBe(false);
    expect(down.store.remarks.join()).toContain('before 1.85');
    expect(down.store.identity).toBe(store.identity);
  });
});
