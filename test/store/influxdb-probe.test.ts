import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { openTestStore } from '../support/influx-store.ts';
import { startInflux3Double } from '../support/influx3-double.ts';
import {
  describeWith,
  influxQuery,
  startInfluxd,
  startVictoriaMetrics,
  type RealServer,
} from '../support/servers.ts';

const LOGIN = { username: 'writer', password: new Secret('right') };

describeWith('influxd', 'asking a real InfluxDB 1.x whether it would let us write', () => {
  let server: RealServer;

  beforeAll(async () => {
    server = await startInfluxd({ settings: ['auth-enabled = true'] });
    const admin = "CREATE USER writer WITH PASSWORD 'right' WITH ALL PRIVILEGES";
    await influxQuery(server.url, admin);
    await influxQuery(server.url, 'CREATE DATABASE usage', { u: 'writer', p: 'right' });
    await influxQuery(server.url, "CREATE USER guest WITH PASSWORD 'right'", { u: 'writer', p: 'right' });
  });
  afterAll(() => server.close());

  test('it would, and nothing is stored', async () => {
    const { store } = await openTestStore({ url: server.url, database: 'usage', ...LOGIN });

    await store.probe();

    const series = await influxQuery(server.url, 'SHOW SERIES ON usage', { u: 'writer', p: 'right' });
    expect(JSON.parse(series)).toEqual({ results: [{ statement_id: 0 }] });
  });

  test.each([
    [
      'a wrong password',
      { database: 'usage', username: 'writer', password: new Secret('wrong') },
      /HTTP 401/,
    ],
    ['a database that is not there', { database: 'usgae', ...LOGIN }, /HTTP 404: database not found/],
    ['a user without rights', { database: 'usage', ...LOGIN, username: 'guest' }, /HTTP 403/],
  ])('%s is an error that a person must see to', async (_, target, message) => {
    const { store } = await openTestStore({ url: server.url, ...target });

    await expect(store.probe()).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringMatching(message),
    });
  });

  test('a server that is down is ignored', async () => {
    const { store } = await openTestStore({ url: 'http://127.0.0.1:1', version: '1', database: 'usage' });

    await expect(store.probe()).resolves.toBeUndefined();
  });
});

describeWith('victoria-metrics', 'asking a real VictoriaMetrics whether it would let us write', () => {
  let server: RealServer;

  beforeAll(async () => {
    server = await startVictoriaMetrics();
  });
  afterAll(() => server.close());

  test('it would', async () => {
    const { store } = await openTestStore({ url: server.url });

    await expect(store.probe()).resolves.toBeUndefined();
  });
});

test('a misspelt database of InfluxDB 3 is found, and not created', async () => {
  const server = await startInflux3Double('usage');
  onTestFinished(() => server.close());
  const token = new Secret('token');
  const right = await openTestStore({ url: server.url, bucket: 'usage', token });
  const wrong = await openTestStore({ url: server.url, bucket: 'usgae', token });

  await expect(right.store.probe()).resolves.toBeUndefined();
  for (const work of [() => wrong.store.probe(), () => wrong.store.check()]) {
    await expect(work()).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringMatching(/database not found/),
      hint: expect.stringContaining('INFLUX_BUCKET'),
    });
  }
  expect([...server.databases]).toEqual(['usage']);
});
