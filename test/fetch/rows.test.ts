import { expect, it } from 'vitest';
import { z } from 'zod';
import { rows, SLICE } from '../../src/fetch/rows.ts';
import { json, stubbedHttp } from '../support/stub-fetch.ts';

const Row = z.object({ n: z.int() }).transform(({ n }) => n);

it.each([
  ['one long array', [Array.from({ length: 20_500 }, (_, n) => ({ n }))]],
  ['many short arrays', Array.from({ length: 2_050 }, () => Array.from({ length: 10 }, (_, n) => ({ n })))],
])('gives the event loop a turn after every slice of %s', async (_, list) => {
  let parsed = 0;
  let most = 0;
  let done = false;
  const Counted = Row.transform((n) => {
    parsed++;
    return n;
  });
  const watch = (seen: number): void => {
    most = Math.max(most, parsed - seen);
    if (!done) setImmediate(watch, parsed);
  };
  const { http } = stubbedHttp([json({ list })]);
  setImmediate(watch, 0);

  const answer = await http.call({
    action: 'usage',
    build: () => ({ method: 'GET', url: 'https://api.example.com/usage' }),
    answer: z.object({ list: rows(rows(Counted)) }),
    signal: new AbortController().signal,
  });
  done = true;

  expect(answer.list).toEqual(list.map((each) => each.map(({ n }) => n)));
  expect(most).toBeLessThanOrEqual(SLICE);
});

it('parses what z.array parses, also rows inside rows', async () => {
  const nested = z.object({ values: rows(Row).nullish() });
  const input = [{ values: [{ n: 1 }, { n: 2 }] }, { values: null }, {}];

  expect(await rows(nested).parseAsync(input)).toEqual([{ values: [1, 2] }, { values: null }, {}]);
  expect(await rows(Row).parseAsync([])).toEqual([]);
});

it.each([
  [{ n: 1 }, ['']],
  [
    [{ n: 1 }, { n: '2' }, { n: 1.5 }],
    ['1.n', '2.n'],
  ],
  [[{ n: 1 }, null], ['1']],
])('names the places of the faults in %j', async (input, paths) => {
  const result = await rows(Row).safeParseAsync(input);

  expect(result.error?.issues.map(({ path }) => path.join('.'))).toEqual(paths);
});

it('stops after some faults', async () => {
  const faulty = Array.from({ length: 50 * SLICE }, () => ({}));

  const result = await rows(Row).safeParseAsync(faulty);

  expect(result.error?.issues).toHaveLength(20);
});
