import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { startServer, type Readiness, type Server } from '../../src/observe/server.ts';

let server: Server;
let readiness: Readiness;
let metrics: () => Promise<string>;
let errors: unknown[];

beforeEach(async () => {
  readiness = { ready: true, reasons: [] };
  metrics = () => Promise.resolve('tokentide_up 1\n');
  errors = [];
  server = await startServer({
    port: 0,
    metrics: { contentType: 'text/plain; version=0.0.4', text: () => metrics() },
    health: () => ({ status: 'alive' }),
    ready: () => readiness,
    onError: (error) => errors.push(error),
  });
});

afterEach(() => server.close());

describe('startServer', () => {
  it('listens on this machine only', () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:[0-9]+$/);
  });

  it('answers /healthz', async () => {
    const answer = await ask('/healthz');

    expect(answer).toEqual([200, 'application/json; charset=utf-8', '{"status":"alive"}\n']);
  });

  it('answers /readyz with reasons', async () => {
    const before = await ask('/readyz');
    readiness = { ready: false, reasons: ['the store does not answer'] };
    const after = await ask('/readyz');

    expect([before[0], after[0]]).toEqual([200, 503]);
    expect(JSON.parse(after[2])).toEqual(readiness);
  });

  it('serves the metrics', async () => {
    const answer = await ask('/metrics?at=now');

    expect(answer).toEqual([200, 'text/plain; version=0.0.4', 'tokentide_up 1\n']);
  });

  it('answers 500 for a failed page and reports the cause to onError only', async () => {
    const error = new Error('the ledger is closed');
    metrics = () => Promise.reject(error);

    const answer = await ask('/metrics');

    expect([answer[0], answer[2], errors]).toEqual([500, 'Internal error; see the log.\n', [error]]);
  });

  test.each([
    ['GET', '/nothing', 404],
    ['GET', '/metrics/', 404],
    ['POST', '/nothing', 404],
    ['POST', '/metrics', 405],
    ['DELETE', '/healthz', 405],
    ['HEAD', '/healthz', 200],
  ])('answers %s %s with %i', async (method, path, status) => {
    const answer = await ask(path, method);

    expect(answer[0]).toBe(status);
  });

  it('reports an address that is taken', async () => {
    const port = Number(new URL(server.url).port);

    const second = startServer({
      port,
      metrics: { contentType: 'text/plain', text: () => metrics() },
      health: () => ({}),
      ready: () => readiness,
    });

    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('closes while a connection is open', async () => {
    await ask('/healthz');

    await server.close();

    await expect(ask('/healthz')).rejects.toThrow('fetch failed');
  });
});

async function ask(path: string, method = 'GET'): Promise<[number, string | null, string]> {
  const response = await fetch(server.url + path, { method });
  return [response.status, response.headers.get('content-type'), await response.text()];
}
