import { afterAll, beforeAll, describe } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { startInflux3Double, type Influx3Double } from '../support/influx3-double.ts';
import {
  describeWith,
  influxQuery,
  startInfluxd,
  startVictoriaMetrics,
  type RealServer,
} from '../support/servers.ts';
import { openTestStore } from '../support/influx-store.ts';
import { storeContract } from './contract.ts';

describeWith('influxd', 'a real InfluxDB 1.x', () => {
  let server: RealServer;

  beforeAll(async () => {
    server = await startInfluxd();
    await influxQuery(server.url, 'CREATE DATABASE usage');
  });

  afterAll(() => server.close());

  storeContract(
    'InfluxDB 1.x',
    async (catalogue) =>
      (await openTestStore({ url: server.url, database: 'usage', ...(catalogue && { catalogue }) })).store,
  );
});

describeWith('victoria-metrics', 'a real VictoriaMetrics', () => {
  let server: RealServer;

  beforeAll(async () => {
    server = await startVictoriaMetrics();
  });

  afterAll(() => server.close());

  storeContract(
    'VictoriaMetrics',
    async (catalogue) => (await openTestStore({ url: server.url, ...(catalogue && { catalogue }) })).store,
    {
      exact: false,
      overwrites: false,
    },
  );
});

describe('an InfluxDB 3 in memory', () => {
  let server: Influx3Double;

  beforeAll(async () => {
    server = await startInflux3Double('usage');
  });

  afterAll(() => server.close());

  storeContract(
    'InfluxDB 3',
    async (catalogue) =>
      (
        await openTestStore({
          url: server.url,
          bucket: 'usage',
          token: new Secret('token'),
          ...(catalogue && { catalogue }),
        })
      ).store,
    { overwrites: false, deletes: false },
  );
});
