import { expect, it } from 'vitest';
import { CANARY, influx2At } from '../support/influx-points.ts';
import { openTestStore } from '../support/influx-store.ts';

const QUERY = { start: 0, end: 3_600, by: [] } as const;

function documentOf(requests: number): string {
  const series = { name: 'llm_token_usage', columns: ['time', 'requests'], values: [[0, requests]] };
  return JSON.stringify({ results: [{ statement_id: 0, series: [series] }] });
}

/** A server of InfluxDB 2 that answers queries with these bodies in turn, the last one again and again. */
function answering(...bodies: (() => ReadableStream | string)[]): typeof fetch {
  let next = 0;
  return async (url, init) => {
    const address = url instanceof Request ? url.url : url.toString();
    if (!address.endsWith('/query'))
      return new Response(null, { headers: { 'x-influxdb-version': '2.7.1' } });
    const { body } = init ?? {};
    if (body instanceof URLSearchParams && body.get('q')?.includes('tokentide_store'))
      return new Response('');
    return new Response(bodies[Math.min(next++, bodies.length - 1)]!());
  };
}

function stream(parts: readonly string[], ends: 'closes' | 'breaks'): ReadableStream {
  const waiting = [...parts];
  return new ReadableStream({
    pull: (controller) => {
      const part = waiting.shift();
      if (part !== undefined) controller.enqueue(new TextEncoder().encode(part));
      else if (ends === 'closes') controller.close();
      else controller.error(new Error('terminated'));
    },
  });
}

it.each([
  ['line ends', `${documentOf(1)}\n${documentOf(2)}\n`],
  ['nothing', `${documentOf(1)}${documentOf(2)}`],
  ['line ends and spaces', `\n ${documentOf(1)} \r\n\r\n${documentOf(2)}`],
])('reads documents separated by %s', async (_, text) => {
  const { store } = await openTestStore({
    ...influx2At('http://influx'),
    fetch: answering(() => stream(Array.from(text), 'closes')),
  });

  expect(await store.points({ start: 0, end: 1 })).toHaveLength(2);
});

it('starts again after a lost connection, and counts no document twice', async () => {
  const { store, waits } = await openTestStore({
    ...influx2At('http://influx'),
    fetch: answering(
      () => stream([documentOf(1), documentOf(2).slice(0, 20)], 'breaks'),
      () => documentOf(5),
    ),
  });

  expect(await store.sums(QUERY)).toEqual([{ tags: {}, fields: { requests: 5 } }]);
  expect(waits).toEqual([500]);
});

it.each<[string, () => ReadableStream | string, RegExp]>([
  ['a truncated document', () => documentOf(1).slice(0, -3), /truncated or not JSON/],
  ['a web page', () => '<html>', /truncated or not JSON/],
  ['another document', () => '{"results":5}', /results of InfluxQL/],
  ['an endless document', () => endless(), /more than \d+ characters/],
])('reports %s at once, without a retry', async (_, body, message) => {
  const { store, waits } = await openTestStore({ ...influx2At('http://influx'), fetch: answering(body) });

  const error: unknown = await store.sums(QUERY).catch((reason: unknown) => reason);

  expect(error).toMatchObject({
    name: 'StoreError',
    kind: 'config',
    message: expect.stringMatching(message),
  });
  expect(String(error)).not.toContain(CANARY);
  expect(waits).toEqual([]);
});

function endless(): ReadableStream {
  const part = new TextEncoder().encode('["'.padEnd(4 * 1024 * 1024, 'x'));
  return new ReadableStream({ pull: (controller) => controller.enqueue(part) });
}
