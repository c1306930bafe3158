import { afterAll, beforeAll } from 'vitest';
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
    async () => (await openTestStore({ url: server.url, database: 'usage' })).store,
  );
});

describeWith('victoria-metrics', 'a real VictoriaMetrics', () => {
  let server: RealServer;

  beforeAll(async () => {
    server = await startVictoriaMetrics();
  });

  afterAll(() => server.close());

  storeContract('VictoriaMetrics', async () => (await openTestStore({ url: server.url })).store, {
    exact: false,
    overwrites: false,
  });
});
