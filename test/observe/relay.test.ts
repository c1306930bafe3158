import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { startServer, type Server } from '../../src/observe/server.ts';

const TOKEN = 'canary-0123456789';
let server: Server;
let taken: unknown[];
let errors: unknown[];
let fault: Error | undefined;

function start(token: Secret | undefined, channels = ['ops', 'own']): Promise<Server> {
  return startServer({
    port: 0,
    metrics: { contentType: 'text/plain', text: () => Promise.resolve('') },
    health: () => ({}),
    ready: () => ({ ready: true, reasons: [] }),
    onError: (error) => errors.push(error),
    relay: {
      token,
      channels,
      take: (channel, body) => {
        if (fault) throw fault;
        taken.push([channel, body]);
        return body === 'bad' ? { problem: 'alerts: missing' } : { id: 'm-1' };
      },
    },
  });
}

beforeEach(async () => {
  taken = [];
  errors = [];
  fault = undefined;
  server = await start(new Secret(TOKEN));
});
afterEach(() => server.close());

async function post(
  path: string,
  body: string | undefined = '{"a":1}',
  { authorization = `Bearer ${TOKEN}`, method = 'POST' } = {},
): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await fetch(`${server.url}/api/v1/relay/${path}`, {
    method,
    headers: { authorization },
    ...(method === 'POST' && { body }),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

test('a message with the token is taken for its channel', async () => {
  expect(await post('ops')).toMatchObject({ status: 202, text: '{"id":"m-1"}\n' });
  expect(taken).toEqual([['ops', { a: 1 }]]);
});

describe('refused is', () => {
  it.each([
    ['another token', `Bearer ${TOKEN}x`],
    ['a start of the token', `Bearer ${TOKEN.slice(0, -1)}`],
    ['an empty token', 'Bearer '],
    ['another scheme', `Basic ${TOKEN}`],
  ])('%s', async (_, authorization) => {
    const { status, text, headers } = await post('ops', '{}', { authorization });

    expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(text).not.toContain('canary');
    expect(taken).toEqual([]);
  });

  it('a channel that is not configured, and the others are named', async () => {
    expect(await post('nobody')).toMatchObject({
      status: 404,
      text: 'No channel has this name; known are ops, own.\n',
    });
    // Names of channels are for those with the token.
    expect((await post('nobody', '{}', { authorization: 'Bearer x' })).text).not.toContain('own');
  });

  it('what is not JSON, and what is not a message', async () => {
    expect(await post('ops', '{"canary')).toMatchObject({ status: 400, text: 'The body is not JSON.\n' });
    expect(await post('ops', '"bad"')).toMatchObject({
      status: 400,
      text: 'The body is not a message of Grafana: alerts: missing.\n',
    });
  });

  it('a body of more than a megabyte', async () => {
    expect(await post('ops', `"${'x'.repeat(999_998)}"`)).toMatchObject({ status: 202 });
    expect(await post('ops', `"${'x'.repeat(999_999)}"`)).toMatchObject({ status: 413 });
    expect(taken).toHaveLength(1);
  });

  it('another method', async () => {
    const { status, headers } = await post('ops', '', { method: 'PUT' });

    expect([status, headers.get('allow')]).toEqual([405, 'POST']);
  });
});

test('without a token nothing is relayed, and the answer says how to turn it on', async () => {
  await server.close();
  server = await start(undefined);

  expect(await post('ops')).toMatchObject({
    status: 403,
    text: 'The relay is off. Set TOKENTIDE_RELAY_TOKEN, or TOKENTIDE_RELAY_TOKEN_FILE, to turn it on.\n',
  });
});

test('without channels it says so', async () => {
  await server.close();
  server = await start(new Secret(TOKEN), []);

  expect((await post('ops')).text).toBe('No channel has this name; alerts.yaml has none.\n');
});

test('a message that cannot be queued is an error of this side, for Grafana to send it again', async () => {
  fault = new Error('the ledger is locked');

  expect(await post('ops')).toMatchObject({ status: 500, text: 'Internal error; see the log.\n' });
  expect(errors).toEqual([fault]);
});
