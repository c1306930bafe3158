import { afterEach, describe, expect, it } from 'vitest';
import { sign } from '../../src/providers/ucloud-dialect/sign.ts';
import { script } from '../../src/simulator/faults.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import {
  PLAINTEXT_KEY,
  ucloudFields,
  ucloudSimulator,
  type UcloudSimulatorOptions,
} from '../../src/simulator/ucloud.ts';
import { createWorld } from '../../src/simulator/world.ts';

const START = Date.parse('2026-09-28T00:00:00+08:00') / 1000;
const HOUR = 3600;
const KEY = 'uminferapikey-a';
const USAGE = {
  Action: 'GetUMInferTokenUsage',
  KeyId: KEY,
  StartTime: `${START}`,
  EndTime: `${START + HOUR}`,
};
const LIST = { Action: 'ListUMInferAPIKey' };

const world = createWorld(
  [0, 1800, HOUR].map((after) => ({
    id: `req-${after}`,
    time: START + after,
    visibleAt: START + after,
    tags: { key: KEY, model: 'm' },
    fields: ucloudFields(100, 10),
  })),
);

interface Reply {
  readonly RetCode: number;
  readonly Message?: string;
  readonly Data?: unknown;
}

let simulator: Simulator;
afterEach(() => simulator.close());

async function start(options: Partial<UcloudSimulatorOptions> = {}): Promise<void> {
  simulator = await ucloudSimulator({
    world,
    now: () => (START + 86_400) * 1000,
    publicKey: 'public-key',
    privateKey: 'private-key',
    maxWindowSeconds: 86_400,
    keys: [{ id: KEY, name: 'a' }],
    rowsPer: 'hour',
    ...options,
  });
}

function signed(parameters: Record<string, string>, privateKey = 'private-key'): Record<string, string> {
  const all = { PublicKey: 'public-key', ...parameters };
  return { ...all, Signature: sign(all, privateKey) };
}

async function post(parameters: Record<string, string>): Promise<Reply> {
  const response = await fetch(simulator.url, { method: 'POST', body: new URLSearchParams(parameters) });
  return (await response.json()) as Reply;
}

describe('ucloudSimulator', () => {
  it.each([
    ['no action', {}, 160],
    ['an unknown action', signed({ Action: 'DescribeUHostInstance' }), 161],
    ['no signature', LIST, 170],
    ['a signature made with another key', signed(LIST, 'wrong'), 171],
    ['a parameter that was not signed', { ...signed(LIST), Offset: '1' }, 171],
    ['an unknown user', signed({ ...LIST, PublicKey: 'other' }), 172],
    ['an unknown project', signed({ ...LIST, ProjectId: 'org-none' }), 292],
    ['a page of 101', signed({ ...LIST, Limit: '101' }), 230],
    ['an unknown key', signed({ ...USAGE, KeyId: 'uminferapikey-none' }), 230],
    ['an end before the start', signed({ ...USAGE, EndTime: `${START - 1}` }), 230],
    ['more than it can do in time', signed({ ...USAGE, EndTime: `${START + 86_401}` }), 110],
  ])('refuses %s', async (_, parameters, code) => {
    await start();

    expect(await post(parameters)).toMatchObject({ RetCode: code });
  });

  it.each(['GET', 'form', 'JSON'])('accepts a request as %s', async (how) => {
    await start();
    const parameters = signed(USAGE);

    const response =
      how === 'GET'
        ? await fetch(`${simulator.url}/?${new URLSearchParams(parameters).toString()}`)
        : await fetch(simulator.url, {
            method: 'POST',
            headers: how === 'JSON' ? { 'content-type': 'application/json' } : {},
            body: how === 'JSON' ? JSON.stringify(parameters) : new URLSearchParams(parameters),
          });

    expect(await response.json()).toMatchObject({ RetCode: 0, Data: { InTotal: 200 } });
  });

  it('answers with rows and with totals of the window', async () => {
    await start();

    const { Data } = await post(signed(USAGE));

    expect(Data).toEqual({
      Total: 220,
      InTotal: 200,
      OutTotal: 20,
      RequestTotal: 2,
      Usages: [
        { Type: 'in', Count: 200, Timestamp: START, Model: 'm' },
        { Type: 'out', Count: 20, Timestamp: START, Model: 'm' },
        { Type: 'total', Count: 220, Timestamp: START, Model: 'm' },
        { Type: 'request_count', Count: 2, Timestamp: START, Model: 'm' },
      ],
    });
  });

  it.each([
    ['an inclusive end', { rangeEnd: 'inclusive' }, USAGE, expect.objectContaining({ RequestTotal: 3 })],
    ['totals only', { totalsOnly: true }, USAGE, { Total: 220, InTotal: 200, OutTotal: 20, RequestTotal: 2 }],
    ['usage of another model', {}, { ...USAGE, Model: 'other' }, {}],
    [
      'milliseconds',
      { unit: 'milliseconds' },
      USAGE,
      expect.objectContaining({
        Usages: expect.arrayContaining([expect.objectContaining({ Timestamp: START * 1000 })]),
      }),
    ],
  ] as const)('models an account with %s', async (_, options, parameters, data) => {
    await start(options);

    const reply = await post(signed(parameters));

    expect(reply.Data).toEqual(data);
  });

  it('refuses requests of a key that touch a missing window, and no others', async () => {
    const other = 'uminferapikey-b';
    const window = { start: START + HOUR, end: START + 2 * HOUR };
    await start({ keys: [KEY, other].map((id) => ({ id, name: id })), missing: [{ key: KEY, window }] });
    const codeOf = async (KeyId: string, from: number, to: number): Promise<number> => {
      const range = { StartTime: `${START + from * HOUR}`, EndTime: `${START + to * HOUR}` };
      return (await post(signed({ ...USAGE, KeyId, ...range }))).RetCode;
    };

    expect([await codeOf(KEY, 1, 2), await codeOf(KEY, 0, 5)]).toEqual([230, 230]);
    expect([await codeOf(KEY, 0, 1), await codeOf(KEY, 2, 3), await codeOf(other, 0, 5)]).toEqual([0, 0, 0]);
  });

  it('lists keys in pages, each with the plain key', async () => {
    await start({
      keys: Array.from({ length: 25 }, (_, i) => ({ id: `uminferapikey-${i}`, name: `k${i}` })),
    });

    const first = await post(signed(LIST));
    const second = await post(signed({ ...LIST, Offset: '20', Limit: '100' }));

    expect(first.Data).toHaveLength(20);
    expect(second.Data).toHaveLength(5);
    expect(second.Data).toContainEqual({
      KeyId: 'uminferapikey-24',
      Name: 'k24',
      Status: 1,
      Key: PLAINTEXT_KEY,
    });
  });

  it('reports an overload with HTTP 200', async () => {
    await start({ brand: 'SigCal Cloud', faults: script('error_in_200') });

    expect(await post(signed(LIST))).toEqual({
      RetCode: 150,
      Message: expect.stringContaining('SigCal Cloud'),
    });
  });
});
