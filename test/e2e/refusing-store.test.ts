import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { expectComplaint } from './support/complaint.ts';
import { createPlace, type Place } from './support/place.ts';

const GOOD = 'provider: r9s\noptions:\n  management_key: ${R9S_MANAGEMENT_KEY}\n';
const KEY = { R9S_MANAGEMENT_KEY: 'sk_mg_key' };

function placeOf(job: string): Place {
  const place = createPlace();
  writeFileSync(join(place.folder, 'jobs/a.yaml'), job);
  return place;
}

interface Answer {
  readonly version: string;
  readonly status: number;
  readonly body: object;
}

/** A server that calls itself an InfluxDB and refuses whatever comes. */
async function startRefusing({ version, status, body }: Answer): Promise<string> {
  const server = createServer((request, response) => {
    const isPing = request.url === '/ping';
    response.writeHead(isPing ? 204 : status, { 'x-influxdb-version': version });
    response.end(isPing ? '' : JSON.stringify(body));
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const OLD = { INFLUX_DATABASE: 'usage', INFLUX_USERNAME: 'me', INFLUX_PASSWORD: 'canary-password' };
const NEW = { INFLUX_ORG: 'org', INFLUX_BUCKET: 'usage', INFLUX_TOKEN: 'canary-token' };

describe.each([
  {
    what: 'a wrong InfluxDB token',
    answer: { version: '2.7.1', status: 401, body: { code: 'unauthorized', message: 'unauthorized access' } },
    env: NEW,
    message: /^InfluxDB 2\.x at .*, organisation org, bucket usage answered HTTP 401: unauthorized access$/,
    hint: /check INFLUX_TOKEN/,
  },
  {
    what: 'a missing bucket',
    answer: {
      version: '2.7.1',
      status: 404,
      body: { code: 'not found', message: 'bucket "usage" not found' },
    },
    env: NEW,
    message: /answered HTTP 404: bucket "usage" not found$/,
    hint: /create it \(influx bucket create\) or correct INFLUX_BUCKET/,
  },
  {
    what: 'a wrong InfluxDB password',
    answer: { version: '1.6.7', status: 401, body: { error: 'authorization failed' } },
    env: OLD,
    message: /^InfluxDB 1\.x at .*, database usage answered HTTP 401: authorization failed$/,
    hint: /check INFLUX_USERNAME and INFLUX_PASSWORD/,
  },
  {
    what: 'a missing database',
    answer: { version: '1.6.7', status: 404, body: { error: 'database not found: "usage"' } },
    env: OLD,
    message: /answered HTTP 404: database not found: "usage"$/,
    hint: /create it \(CREATE DATABASE in the influx shell\) or correct INFLUX_DATABASE/,
  },
])('$what', ({ answer, env, message, hint }) => {
  test.each(['run', 'collect'])('ends %s with exit code 2 before any provider is asked', async (command) => {
    const place = placeOf(GOOD);
    const host = await startRefusing(answer);

    const complaint = await place.run([command], { ...KEY, ...env, INFLUX_HOST: host });

    expectComplaint(complaint, message, hint);
    expect(complaint.stderr).not.toContain('canary');
  });

  test('fails the check', async () => {
    const place = placeOf(`enabled: false\n${GOOD}`);
    const host = await startRefusing(answer);

    const { code, stdout } = await place.run(['check'], { ...KEY, ...env, INFLUX_HOST: host });

    expect(code).toBe(2);
    expect(stdout).toMatch(/^failed {3}store: InfluxDB .* answered HTTP 40[14]: /m);
    expect(stdout).toMatch(hint);
  });
});
