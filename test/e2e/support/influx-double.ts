import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { parseLine } from '../../../src/usage/line-protocol.ts';
import type { Fields, Point } from '../../../src/usage/point.ts';
import { seriesKey } from '../../../src/usage/series.ts';

/** An InfluxDB 2 in memory that can be out of order. */
export interface InfluxDouble {
  /** What a collector needs to write to it. */
  readonly env: Readonly<Record<string, string>>;
  /** Every write of usage that it took, in order. */
  readonly writes: readonly (readonly Point[])[];
  /** Writes of usage that it did not take. */
  readonly refused: number;
  /** What it holds: of the same series and time, each field as it came last. */
  points(): Point[];
  /** `silent` never answers a write that has points in it. */
  state: 'up' | 'down' | 'silent';
}

/** It is closed when the test ends. */
export async function startInfluxDouble(): Promise<InfluxDouble> {
  const writes: Point[][] = [];
  let refused = 0;
  let state: InfluxDouble['state'] = 'up';
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/ping') {
        response.writeHead(204, { 'x-influxdb-version': '2.7.1' }).end();
        return;
      }
      if (request.url?.startsWith('/query')) {
        response.writeHead(200).end('{"results":[{}]}');
        return;
      }
      const lines = gunzipSync(Buffer.concat(chunks)).toString('utf8').split('\n');
      const points = lines
        .filter((line) => line.startsWith('llm_token_usage,'))
        .map((line) => parseLine(line));
      if (points.length > 0 && state === 'up') writes.push(points);
      if (points.length > 0 && state !== 'up') refused++;
      if (points.length > 0 && state === 'silent') return;
      response.writeHead(state === 'down' ? 503 : 204).end();
    });
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    env: {
      INFLUX_HOST: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      INFLUX_ORG: 'org',
      INFLUX_BUCKET: 'usage',
      INFLUX_TOKEN: 'token',
    },
    writes,
    get refused() {
      return refused;
    },
    get state() {
      return state;
    },
    set state(next) {
      state = next;
    },
    points: () => {
      const held = new Map<string, { point: Point; fields: Fields }>();
      for (const point of writes.flat()) {
        const key = `${point.time} ${seriesKey(point.tags)}`;
        held.set(key, { point, fields: { ...held.get(key)?.fields, ...point.fields } });
      }
      return [...held.values()].map(({ point, fields }) => ({ ...point, fields }));
    },
  };
}
