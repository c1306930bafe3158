import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import type { InfluxOptions, InfluxTarget } from '../../src/store/influxdb/options.ts';
import { StoreError } from '../../src/store/store.ts';
import { CANARY, hourly, influx2At } from '../support/influx-points.ts';
import { openTestStore } from '../support/influx-store.ts';
import {
  startScriptedInflux,
  type OtherRequest,
  type Reply,
  type ScriptedInflux,
} from '../support/scripted-influx.ts';
import { freePort } from '../support/servers.ts';

let server: ScriptedInflux;
let asked: OtherRequest[];

beforeEach(async () => {
  server = await startScriptedInflux();
  asked = [];
});

afterEach(() => server.close());

/** Answers by path, and notes what was asked. */
function answer(replies: Readonly<Record<string, Reply>>): void {
  server.answerOthers((request) => {
    asked.push(request);
    return replies[request.path.split('?', 1)[0] ?? ''] ?? { status: 404, body: 'not found' };
  });
}

async function errorOf(work: Promise<unknown>): Promise<StoreError> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (error instanceof StoreError) return error;
  throw new Error('no StoreError');
}

const V2 = { headers: { 'x-influxdb-version': 'v2.7.11' } };
const V3 = { status: 200, body: { version: '3.4.0', revision: 'abc' } };

describe('the version', () => {
  const token = new Secret(CANARY);

  it.each<[string, Record<string, Reply>, Partial<InfluxOptions>, string]>([
    [
      '1.x by its header',
      { '/ping': { headers: { 'x-influxdb-version': '1.8.10' } } },
      { database: 'a' },
      '1',
    ],
    ['2.x by its header', { '/ping': V2 }, { org: 'o', bucket: 'b', token }, '2'],
    [
      '2.x by its health',
      { '/ping': {}, '/health': { status: 200, body: { version: 'v2.0.9' } } },
      { org: 'o', bucket: 'b', token },
      '2',
    ],
    ['3.x by its answer', { '/ping': V3 }, { bucket: 'b', token }, '3'],
    [
      '3.x that is set and says nothing',
      { '/ping': { status: 401 } },
      { bucket: 'b', token, version: '3' },
      '3',
    ],
    [
      'VictoriaMetrics by its metrics',
      {
        '/ping': {},
        '/health': { status: 200, body: 'OK' },
        '/metrics': { status: 200, body: 'vm_app_version{version=""} 1' },
      },
      {},
      'victoriametrics',
    ],
  ])('is found: %s', async (_, replies, settings, version) => {
    answer(replies);

    const { store } = await openTestStore({ url: server.url, ...settings });

    expect(store.version).toBe(version);
  });

  it.each<[string, Record<string, Reply>, Partial<InfluxOptions>, RegExp]>([
    [
      'something else',
      { '/ping': { status: 200, body: '<html>' } },
      { database: 'a' },
      /does not report a version.*INFLUX_VERSION/s,
    ],
    [
      'another than is set',
      { '/ping': V3 },
      { version: '2', org: 'o', bucket: 'b', token },
      /INFLUX_VERSION is 2.*InfluxDB 3\.x/s,
    ],
    [
      '2.x with the settings of 1.x',
      { '/ping': V2 },
      { database: 'a' },
      /INFLUX_DATABASE.*InfluxDB 2\.x.*INFLUX_ORG, INFLUX_BUCKET, INFLUX_TOKEN/s,
    ],
    ['2.x without a token', { '/ping': V2 }, { org: 'o', bucket: 'b' }, /InfluxDB 2.x needs INFLUX_TOKEN/],
    [
      '3.x with a wrong token',
      { '/ping': { status: 401 }, '/health': { status: 401 }, '/metrics': { status: 401 } },
      { bucket: 'b', token },
      /InfluxDB 3 refused the token: HTTP 401.*INFLUX_TOKEN/s,
    ],
    [
      'a server behind a login',
      { '/ping': { status: 401 }, '/health': { status: 401 }, '/metrics': { status: 401 } },
      {},
      /requires authentication: HTTP 401.*INFLUX_TOKEN, or INFLUX_USERNAME/s,
    ],
    ['3.x without a database', { '/ping': V3 }, { token }, /InfluxDB 3.x needs INFLUX_BUCKET/],
  ])('is refused: %s', async (_, replies, settings, expected) => {
    answer(replies);

    const error = await errorOf(openTestStore({ url: server.url, ...settings }));

    expect(error.kind).toBe('config');
    expect(`${error.message} ${error.hint}`).toMatch(expected);
  });

  it('is not asked for if it is set and the server is down', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;

    const { store } = await openTestStore({ ...influx2At(url), version: '2' });
    const error = await errorOf(openTestStore(influx2At(url)));

    expect(store.version).toBe('2');
    expect(error.kind).toBe('unavailable');
  });

  it.each([
    'localhost:8086',
    'ftp://localhost',
    'http://me:secret@localhost:8086',
    'http://localhost/?token=secret',
  ])('is not asked of %s, which is no address', async (url) => {
    const error = await errorOf(openTestStore({ url, database: 'a' }));

    expect(error.kind).toBe('config');
    expect(`${error.message} ${error.hint}`).toContain('INFLUX_HOST');
    expect(`${error.message} ${error.hint}`).not.toContain('secret');
  });
});

describe('InfluxDB 2.x', () => {
  const rows = {
    results: [
      {
        statement_id: 0,
        series: [
          {
            name: 'llm_token_usage',
            tags: { user: 'a%0Ab', model: '' },
            columns: ['time', 'input_tokens', 'requests'],
            values: [['1970-01-01T00:00:00Z', 5, null]],
          },
        ],
      },
    ],
  };

  it('is read with InfluxQL, its bucket as a database', async () => {
    answer({ '/ping': V2, '/query': { status: 200, body: rows } });
    const { store } = await openTestStore(influx2At(server.url));

    const sums = await store.sums({
      start: 0,
      end: 3_600,
      where: { user: "O'Neil\\", key: '' },
      by: ['user', 'model'],
    });

    expect(sums).toEqual([{ tags: { user: 'a\nb' }, fields: { input_tokens: 5 } }]);
    const form = new URLSearchParams(asked.at(-1)?.body);
    expect(form.get('db')).toBe('usage');
    expect(form.get('org')).toBe('acme');
    expect(form.get('q')).toContain(
      `FROM "llm_token_usage" WHERE time >= 0s AND time < 3600s AND "key" = '' AND "user" = 'O\\'Neil%5C' GROUP BY "user", "model"`,
    );
    expect(asked.at(-1)?.headers.authorization).toBe(`Token ${CANARY}`);
  });

  it('says how to map a bucket that InfluxQL does not find', async () => {
    answer({
      '/ping': V2,
      '/query': { status: 200, body: { results: [{ error: 'database not found: usage' }] } },
    });
    const { store } = await openTestStore(influx2At(server.url));

    const error = await errorOf(store.sums({ start: 0, end: 1, by: [] }));

    expect(error).toMatchObject({ kind: 'config', hint: expect.stringContaining('influx v1 dbrp create') });
  });

  it('is cleaned up after a check', async () => {
    answer({ '/ping': V2, '/query': { status: 200, body: rows }, '/api/v2/delete': {} });
    const { store } = await openTestStore(influx2At(server.url));

    const remarks = await store.check();

    expect(remarks).toEqual([]);
    expect(server.writes[0]?.lines[0]).toMatch(/^tokentide_check value=[0-9]+i$/);
    expect(asked.at(-1)?.path).toBe('/api/v2/delete?org=acme&bucket=usage');
    expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual({
      start: '1970-01-01T00:00:00.000Z',
      stop: expect.stringMatching(/^22/),
      predicate: '_measurement="tokentide_check"',
    });
  });

  it('has points removed by the predicate of their tags', async () => {
    answer({ '/ping': V2, '/api/v2/delete': {} });
    const { store } = await openTestStore(influx2At(server.url));

    await store.remove({ start: 0, end: 86_400, where: { provider: 'trae', account: 'say "hi"\\' } });

    expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual({
      start: '1970-01-01T00:00:00.000Z',
      stop: '1970-01-01T23:59:59.000Z',
      predicate: '_measurement="llm_token_usage" AND account="say \\"hi\\"%5C" AND provider="trae"',
    });
  });

  it.each<[string, Reply]>([
    ['nothing', { status: 200, body: { results: [{}] } }],
    ['a web page', { status: 200, body: '<html>' }],
    ['half an answer', { status: 200, body: '{"results":[{"series"' }],
    ['401', { status: 401, body: `bad token ${CANARY}` }],
  ])('fails its check when a read gives %s', async (_, reply) => {
    answer({ '/ping': V2, '/query': reply, '/api/v2/delete': {} });
    const { store } = await openTestStore(influx2At(server.url));

    const error = await errorOf(store.check());

    expect(error.kind).toBe('config');
    expect(`${error.message} ${error.hint} ${error.stack}`).not.toContain(CANARY);
  });

  it('is asked again while it is unavailable', async () => {
    let failures = 2;
    server.answerOthers(({ path }) => {
      if (path === '/ping') return V2;
      return failures-- > 0 ? { status: 503 } : { status: 200, body: rows };
    });
    const { store, waits } = await openTestStore(influx2At(server.url));

    expect(await store.sums({ start: 0, end: 1, by: ['user'] })).toHaveLength(1);
    expect(waits).toEqual([500, 1_000]);
  });
});

describe('InfluxDB 3.x', () => {
  function target(): InfluxTarget {
    return { url: server.url, bucket: 'usage', token: new Secret(CANARY) };
  }

  it('is written once per point, because it does not overwrite reliably', async () => {
    answer({ '/ping': V3 });
    const { store } = await openTestStore(target());

    const result = await store.write([
      hourly(0, 1),
      hourly(1, 2),
      { ...hourly(0), fields: { images: 4 } },
      hourly(0, 3),
    ]);

    expect(store.overwrites).toBe(false);
    expect(store.remarks).toEqual([expect.stringContaining('only buckets that are final')]);
    expect(result.accepted).toBe(4);
    expect(server.writes[0]?.path).toBe('/api/v2/write?org=&bucket=usage&precision=s');
    expect(server.writes[0]?.lines).toEqual([
      'llm_token_usage,provider=trae,user=u0 requests=3i,images=4i 1735689600',
      'llm_token_usage,provider=trae,user=u1 requests=2i 1735693200',
    ]);
  });

  it('reports every rejected point that was merged with another, with the reason', async () => {
    answer({ '/ping': V3 });
    server.answer(({ lines }) =>
      lines.some((line) => line.includes('user=u1') || line.includes('user=u2'))
        ? {
            status: 400,
            body: {
              error: 'partial write of line protocol occurred',
              data: lines.flatMap((line, index) =>
                /user=u[12]/.test(line) ? [{ line_number: index + 1, error_message: 'bad column' }] : [],
              ),
            },
          }
        : { status: 204 },
    );
    const { store, letters } = await openTestStore(target());
    const points = [hourly(1, 1), hourly(0, 2), hourly(1, 3), hourly(2, 4), hourly(2, 5), hourly(3, 6)];

    const result = await store.write(points);

    const bad = [points[0], points[2], points[3], points[4]];
    expect(result).toMatchObject({ accepted: 2, kept: [] });
    expect(result.rejected).toEqual(bad.map((point) => ({ point, reason: 'bad column' })));
    expect(letters).toEqual(result.rejected);
  });

  it('reports what its check leaves, and that it cannot delete points', async () => {
    const found = { results: [{ series: [{ columns: ['time', 'value'], values: [[0, 1]] }] }] };
    answer({ '/ping': V3, '/query': { status: 200, body: found } });
    const { store } = await openTestStore(target());

    const remarks = await store.check();
    const error = await errorOf(store.remove({ start: 0, end: 1, where: { provider: 'trae' } }));

    expect(remarks).toEqual([
      ...store.remarks,
      'the point of tokentide_check remains: InfluxDB 3 cannot delete points',
    ]);
    expect(error.kind).toBe('config');
  });
});

describe('description and identity', () => {
  it.each<[Partial<InfluxOptions>, string, string, string]>([
    [
      { database: 'd', retentionPolicy: 'r' },
      '1.8.10',
      'InfluxDB 1.x at URL, database d, retention policy r',
      'influxdb URL d r',
    ],
    [
      { org: 'o', bucket: 'b', token: new Secret(CANARY) },
      '2.7.0',
      'InfluxDB 2.x at URL, organisation o, bucket b',
      'influxdb URL o b',
    ],
    [
      { bucket: 'b', token: new Secret(CANARY) },
      '3.0.0',
      'InfluxDB 3.x at URL, database b',
      'influxdb URL b',
    ],
  ])('name the place of %j, and no credential', async (settings, version, description, identity) => {
    await server.close();
    server = await startScriptedInflux(version);

    const { store } = await openTestStore({ url: `${server.url}/`, ...settings });

    expect(store.description).toBe(description.replace('URL', server.url));
    expect(store.identity).toBe(identity.replace('URL', server.url));
  });
});

describe('VictoriaMetrics', () => {
  const flags = [
    'vm_app_version{version="victoria-metrics-20240612", short_version="v1.102.0"} 1',
    'flag{name="dedup.minScrapeInterval", value="1ms", is_set="true"} 1',
  ].join('\n');

  it('counts as a store that does not overwrite until its flags could be read', async () => {
    let isDown = true;
    server.answerOthers(({ path }) =>
      isDown
        ? { status: 503 }
        : path === '/metrics'
          ? { status: 200, body: flags }
          : { status: 200, body: '' },
    );
    const { store } = await openTestStore({ url: server.url, version: 'victoriametrics' });
    const before = store.overwrites;
    isDown = false;

    await store.write([]);

    expect([before, store.overwrites]).toEqual([false, true]);
  });
});
