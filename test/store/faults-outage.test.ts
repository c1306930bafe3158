import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreError, type WriteResult } from '../../src/store/store.ts';
import { toLine } from '../../src/usage/line-protocol.ts';
import type { Point } from '../../src/usage/point.ts';
import { hourlies, hourly, influx2At, storedKey, storedRequests } from '../support/influx-points.ts';
import { openTestStore, type TestStore } from '../support/influx-store.ts';
import { startScriptedInflux, type Reply, type ScriptedInflux } from '../support/scripted-influx.ts';
import { freePort } from '../support/servers.ts';
import { runs } from '../support/extent.ts';

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

/** The replies in order, 204 after the last one. */
function script(...replies: Reply[]): void {
  server.answer((_, index) => replies[index] ?? { status: 204 });
}

describe('tried again', () => {
  it.each<[string, Reply]>([
    ['408', { status: 408 }],
    ['425', { status: 425 }],
    ['429', { status: 429, body: { error: 'too many requests' } }],
    ['500', { status: 500, body: { error: 'timeout' } }],
    ['502 of a proxy', { status: 502, body: '<html>Bad Gateway</html>' }],
    ['503', { status: 503 }],
    ['504', { status: 504 }],
    ['accepted, then dropped', { stores: () => true, ends: 'drop' }],
    ['dropped', { stores: () => false, ends: 'drop' }],
  ])('%s: until it is accepted, with a back-off that doubles', async (_, reply) => {
    script(reply, reply, reply);

    const result = await opened.store.write(hourlies(5));

    expect(result).toEqual({ accepted: 5, rejected: [], kept: [] });
    expect(storedRequests(server.stored)).toEqual([1, 2, 3, 4, 5]);
    expect(opened.waits).toEqual([500, 1_000, 2_000]);
  });

  it('if there is no answer in time; the request is cancelled', async () => {
    await opened.store.close();
    opened = await openTestStore({
      ...influx2At(server.url),
      timeoutMs: 100,
    });
    script({ stores: () => false, ends: 'hang' });

    const result = await opened.store.write(hourlies(2));

    expect(result.accepted).toBe(2);
    expect(server.writes).toHaveLength(2);
  });

  it.each<[string, Record<string, string>, number]>([
    ['seconds', { 'retry-after': '7' }, 7_000],
    ['zero seconds', { 'retry-after': '0' }, 0],
    [
      'a date, by the clock of the server',
      { 'retry-after': 'Wed, 01 Jan 2025 00:00:09 GMT', date: 'Wed, 01 Jan 2025 00:00:00 GMT' },
      9_000,
    ],
    ['no more than a minute', { 'retry-after': '86400' }, 60_000],
    ['nothing it cannot read', { 'retry-after': 'soon' }, 500],
  ])('after the time in Retry-After: %s', async (_, headers, wait) => {
    script({ status: 429, headers });

    await opened.store.write(hourlies(1));

    expect(opened.waits).toEqual([wait]);
  });
});

describe('kept', () => {
  it('in order, when the attempts are used up; nothing later is sent', async () => {
    server.answer((_, index) =>
      index === 0 ? { status: 204 } : { status: 503, body: { error: 'engine is closed' } },
    );
    const all = hourlies(12_000);

    const result = await opened.store.write(all);

    expect(result).toMatchObject({ accepted: 5_000, rejected: [] });
    expect(result.kept).toEqual(all.slice(5_000));
    expect(result.error).toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('engine is closed'),
    });
    expect(server.writes.map(({ lines }) => lines[0])).toEqual([
      toLine(hourly(0)),
      ...Array.from({ length: 5 }, () => toLine(hourly(5_000))),
    ]);
    expect(opened.waits).toEqual([500, 1_000, 2_000, 4_000]);
  });

  it('including the rejected points of a chunk that failed, so that they are the tail of the write', async () => {
    script(
      { status: 400, body: { error: 'partial write: x dropped=1' } },
      ...Array.from({ length: 9 }, () => ({ status: 503 })),
    );
    const all = hourlies(10);

    const result = await opened.store.write(all);

    expect(result).toMatchObject({ accepted: 0, rejected: [], kept: all });
    expect(opened.letters).toEqual([]);
  });

  it('if the server is down', async () => {
    const { store } = await openTestStore({
      ...influx2At(`http://127.0.0.1:${await freePort()}`),
      version: '2',
    });

    const result = await store.write(hourlies(3));

    expect(result).toMatchObject({ accepted: 0, kept: hourlies(3), error: { kind: 'unavailable' } });
    expect(result.error?.message).toContain('ECONNREFUSED');
  });

  it('if the write is aborted while it waits', async () => {
    await opened.store.close();
    const stop = new AbortController();
    opened = await openTestStore({
      ...influx2At(server.url),
      sleep: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
          stop.abort();
        }),
    });
    script({ status: 503 });

    const result = await opened.store.write(hourlies(3), stop.signal);

    expect(result).toMatchObject({ accepted: 0, kept: hourlies(3), error: { kind: 'unavailable' } });
    expect(result.error?.message).toContain('aborted');
    expect(server.writes).toHaveLength(1);
  });

  it('if a rejected point cannot be written to the file', async () => {
    await opened.store.close();
    opened = await openTestStore({
      ...influx2At(server.url),
      deadLetters: {
        add: (rejections) => {
          if (rejections.length > 0) throw new StoreError('unavailable', 'no space left on device');
        },
        count: () => 0,
        discarded: () => 0,
      },
    });

    const result = await opened.store.write([hourly(0), { ...hourly(1), fields: {} }]);

    expect(result.kept).toHaveLength(2);
    expect(result.error?.message).toBe('no space left on device');
  });
});

describe('order', () => {
  it('a newer value waits for the retries of an older one', async () => {
    script({ status: 503 }, { status: 503 }, { stores: () => true, ends: 'drop' });

    const [older, newer] = await Promise.all([
      opened.store.write([hourly(0, 100)]),
      opened.store.write([hourly(0, 250)]),
    ]);

    expect([older.accepted, newer.accepted]).toEqual([1, 1]);
    expect(storedRequests(server.stored)).toEqual([250]);
  });

  it('whatever goes wrong, every point ends in one of three ways and no value goes back in time', async () => {
    const fault = fc.constantFrom<Reply>(
      { status: 204 },
      { status: 503 },
      { status: 503, stores: () => true },
      { status: 429, headers: { 'retry-after': '1' } },
      { ends: 'drop', stores: () => true },
      { ends: 'drop', stores: () => false },
      { status: 413 },
      {
        status: 400,
        body: { error: 'partial write: points beyond retention policy dropped=1' },
        stores: () => true,
      },
    );

    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 40 }),
        fc.integer({ min: 1, max: 6 }),
        async (faults, size) => {
          const first = server.writes.length;
          server.answer((_, index) => faults[index - first] ?? { status: 204 });
          const writes = Array.from({ length: 6 }, (_, round) =>
            Array.from({ length: size }, (_, user) => hourly(user, 1 + round * 10)),
          );

          const results = await Promise.all(writes.map((each) => opened.store.write(each)));

          for (const [index, { accepted, rejected, kept }] of results.entries()) {
            expect(accepted + rejected.length + kept.length).toBe(writes[index]?.length);
          }
          for (let user = 0; user < size; user++) {
            const acknowledged = lastAcknowledged(results, writes, user);
            const stored = Number(
              /requests=([0-9]+)i/.exec(server.stored.get(storedKey(hourly(user))) ?? '')?.[1] ?? 0,
            );
            expect(stored).toBeGreaterThanOrEqual(acknowledged);
          }
          for (const { lines } of server.writes.slice(first))
            for (const line of lines) expect(line).toMatch(/requests=/);
        },
      ),
      runs(200),
    );
  });
});

/** The newest value of a user that the store says it holds. */
function lastAcknowledged(results: readonly WriteResult[], writes: readonly Point[][], user: number): number {
  return writes.reduce((last, written, index) => {
    const point = written[user];
    const result = results[index];
    if (!point || !result) return last;
    const elsewhere =
      result.kept.includes(point) || result.rejected.some((rejection) => rejection.point === point);
    return elsewhere ? last : Number(point.fields.requests);
  }, 0);
}
