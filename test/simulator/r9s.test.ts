import { afterEach, describe, expect, it } from 'vitest';
import { script } from '../../src/simulator/faults.ts';
import { r9sFields, r9sSimulator, type R9sSimulatorOptions } from '../../src/simulator/r9s.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { createWorld } from '../../src/simulator/world.ts';

const START = Date.parse('2026-09-28T00:00:00Z') / 1000;
const KEY = 'sk_mg_test';
const RANGE = { start_time: `${START}`, end_time: `${START + 86_400}` };

const world = createWorld(
  [0, 60, 120, 180, 240, 300, 86_400].map((after, i) => ({
    id: `req-${i}`,
    time: START + after,
    visibleAt: START + after,
    tags: { key: 'tk_1', model: 'm', user: 'zhang@example.com' },
    fields: r9sFields(100, 10),
  })),
);

interface Reply {
  readonly meta: { readonly code: number; readonly message: string };
  readonly data?: {
    readonly list?: { readonly id: string }[];
    readonly records?: unknown[];
    readonly total?: number;
  };
}

let simulator: Simulator;
afterEach(() => simulator.close());

async function start(options: Partial<R9sSimulatorOptions> = {}): Promise<void> {
  simulator = await r9sSimulator({
    world,
    now: () => (START + 2 * 86_400) * 1000,
    managementKey: KEY,
    shape: 'list',
    maxPageSize: 4,
    ...options,
  });
}

async function get(query: Record<string, string>, key = KEY, path = '/usage'): Promise<[number, Reply]> {
  const url = `${simulator.url}${path}?${new URLSearchParams(query).toString()}`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
  return [response.status, (await response.json()) as Reply];
}

async function ids(page: number): Promise<string[] | undefined> {
  const [, reply] = await get({ ...RANGE, page: `${page}`, pagesize: '100' });
  return reply.data?.list?.map(({ id }) => id);
}

describe('r9sSimulator', () => {
  it.each([
    ['a key that is none', RANGE, 'sk-other', '/usage', 401, 'Invalid API key format'],
    ['an unknown key', RANGE, 'sk_mg_other', '/usage', 401, 'API key not found'],
    ['another path', RANGE, KEY, '/balance', 404, 'not found'],
    ['no range', {}, KEY, '/usage', 400, 'start_time must be before end_time'],
    ['page 0', { ...RANGE, page: '0' }, KEY, '/usage', 400, 'page and pagesize must be positive'],
  ])('refuses %s', async (_, query, key, path, code, message) => {
    await start();

    const [status, reply] = await get(query, key, path);

    expect([status, reply.meta.code, reply.meta.message]).toEqual([code, code, message]);
  });

  it('returns the newest rows first, in pages of at most its own size', async () => {
    await start();

    expect(await ids(1)).toEqual(['req-5', 'req-4', 'req-3', 'req-2']);
    expect(await ids(2)).toEqual(['req-1', 'req-0']);
    expect(await ids(3)).toEqual([]);
  });

  it('excludes cached input from `input_token`', async () => {
    await start();

    const [, { data }] = await get(RANGE);

    expect(data?.total).toBe(6);
    expect(data?.list?.[0]).toMatchObject({ input_token: 75, cached_token: 25, output_token: 10 });
  });

  it('can take end_time as inclusive', async () => {
    await start({ rangeEnd: 'inclusive' });

    expect(await ids(1)).toContain('req-6');
  });

  it('shifts the pages by a row inserted between them', async () => {
    await start({ faults: script('shifting_pages') });

    expect(await ids(1)).toEqual(['req-4', 'req-3', 'req-2', 'req-1']);
    expect(await ids(2)).toEqual(['req-1', 'req-0']);
    expect(await ids(1)).toContain('req-5');
  });

  it('repeats a row', async () => {
    await start({ faults: script('duplicate_rows') });

    expect(await ids(2)).toEqual(['req-1', 'req-0', 'req-1']);
  });

  it('returns totals of days and models in the documented shape', async () => {
    await start({ shape: 'records' });

    const [, reply] = await get({ ...RANGE, end_time: `${START + 2 * 86_400}` });

    expect(reply).toMatchObject({ meta: { code: 200 }, data: { total_tokens: 770 } });
    expect(reply.data?.records).toEqual([
      { timestamp: START, tokens: 660, model: 'm' },
      { timestamp: START + 86_400, tokens: 110, model: 'm' },
    ]);
  });

  it('reports an overload with HTTP 200', async () => {
    await start({ faults: script('error_in_200') });

    const [status, reply] = await get(RANGE);

    expect([status, reply.meta.code]).toEqual([200, 500]);
  });
});
