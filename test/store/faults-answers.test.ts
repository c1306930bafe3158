import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreError } from '../../src/store/store.ts';
import { toLine } from '../../src/usage/line-protocol.ts';
import { CANARY, hourlies, influx2At, storedRequests } from '../support/influx-points.ts';
import { openTestStore, type TestStore } from '../support/influx-store.ts';
import { startScriptedInflux, type Reply, type ScriptedInflux } from '../support/scripted-influx.ts';

let server: ScriptedInflux;
let opened: TestStore;

beforeEach(async () => {
  server = await startScriptedInflux();
  opened = await openTestStore(influx2At(server.url));
});

afterEach(async () => {
  await opened.store.close();
  await server.close();
});

async function errorOf(work: Promise<unknown>): Promise<StoreError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof StoreError) return error;
  throw new Error(`not a StoreError: ${inspect(error)}`);
}

describe('a request', () => {
  it('is one gzipped chunk with its credentials, in order', async () => {
    await opened.store.write(hourlies(3));

    expect(server.writes).toEqual([
      {
        path: '/api/v2/write?org=acme&bucket=usage&precision=s',
        headers: expect.objectContaining({ authorization: `Token ${CANARY}`, 'content-encoding': 'gzip' }),
        lines: hourlies(3).map((point) => toLine(point)),
      },
    ]);
  });

  it('holds 5,000 lines at most', async () => {
    const result = await opened.store.write(hourlies(12_001));

    expect(result).toEqual({ accepted: 12_001, rejected: [], kept: [] });
    expect(server.writes.map(({ lines }) => lines.length)).toEqual([5_000, 5_000, 2_001]);
  });

  it('uses the connection again', async () => {
    await opened.store.write(hourlies(1));
    await opened.store.write(hourlies(1));

    expect(server.writes.map(({ headers }) => headers.connection)).toEqual(['keep-alive', 'keep-alive']);
  });
});

describe('accepted', () => {
  it.each<[string, Reply]>([
    ['204', { status: 204 }],
    ['201 without a body', { status: 201, stores: () => true }],
  ])('%s', async (_, reply) => {
    server.answer(() => reply);

    const result = await opened.store.write(hourlies(4));

    expect(result).toEqual({ accepted: 4, rejected: [], kept: [] });
    expect(storedRequests(server.stored)).toEqual([1, 2, 3, 4]);
  });
});

describe('a configuration error', () => {
  it.each<[string, Reply, RegExp]>([
    ['401', { status: 401, body: { code: 'unauthorized', message: 'unauthorized access' } }, /INFLUX_TOKEN/],
    [
      '403',
      { status: 403, body: { code: 'forbidden', message: 'insufficient permissions' } },
      /right to read and write/,
    ],
    [
      '404 bucket',
      { status: 404, body: { code: 'not found', message: 'bucket "usage" not found' } },
      /INFLUX_BUCKET/,
    ],
    [
      '404 organisation',
      { status: 404, body: { message: 'organization name "acme" not found' } },
      /INFLUX_ORG/,
    ],
    ['404 of 1.x on the path of 2.x', { status: 404, body: '404 page not found\n' }, /INFLUX_VERSION=1/],
    ['400 about the request', { status: 400, body: { error: 'database is required' } }, /INFLUX_HOST/],
    ['400 of a proxy', { status: 400, body: '<html>Bad Request</html>' }, /proxy/],
    [
      '200 of a web page',
      { status: 200, body: '<html>Log in</html>', headers: { 'content-type': 'text/html' } },
      /204/,
    ],
    ['200 without a body', { status: 200 }, /answers a write with 204/],
    ['302', { status: 302, headers: { location: '/login' } }, /proxy/],
    ['405', { status: 405, body: 'Method Not Allowed' }, /INFLUX_HOST/],
    [
      '500 for a missing retention policy',
      { status: 500, body: { error: 'retention policy not found: x' } },
      /RETENTION/,
    ],
  ])('%s is thrown with what to set, and gives up no point', async (_, reply, hint) => {
    server.answer(() => reply);

    const error = await errorOf(opened.store.write(hourlies(3)));

    expect(error.kind).toBe('config');
    expect(error.hint).toMatch(hint);
    expect(error.message).toContain(server.url);
    expect(server.writes).toHaveLength(1);
    expect(opened.letters).toEqual([]);
  });
});

describe('credentials', () => {
  it.each([200, 201, 400, 401, 403, 404, 408, 413, 422, 429, 500, 503])(
    'appear nowhere, even where the server repeats them with %i',
    async (status) => {
      const echo = `partial write: unable to parse: you sent Authorization: Token ${CANARY} dropped=2`;
      server.answer(() => ({
        status,
        body: { error: echo, message: echo },
        headers: { 'x-influxdb-error': echo },
      }));

      const outcome: unknown = await opened.store.write(hourlies(2)).catch((error: unknown) => error);

      const shown = [
        outcome,
        opened.letters,
        opened.log,
        opened.store,
        opened.store.description,
        opened.store.identity,
      ];
      expect(inspect(shown, { depth: 20, showHidden: true })).not.toContain(CANARY);
      expect(JSON.stringify(shown)).not.toContain(CANARY);
      if (outcome instanceof Error) expect(`${outcome.stack} ${String(outcome.cause)}`).not.toContain(CANARY);
      expect(server.writes[0]?.headers.authorization).toContain(CANARY);
    },
  );
});
