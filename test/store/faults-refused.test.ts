import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Point } from '../../src/usage/point.ts';
import { hourlies, hourly, influx2At, storedKey, storedRequests } from '../support/influx-points.ts';
import { openTestStore, type TestStore } from '../support/influx-store.ts';
import {
  startScriptedInflux,
  type Reply,
  type ScriptedInflux,
  type WriteRequest,
} from '../support/scripted-influx.ts';
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

/** Refuses some lines in the words of a server. */
type Refusal = (request: WriteRequest, isBad: (line: string) => boolean) => Reply;

const named: Refusal = ({ lines }, isBad) => ({
  status: 400,
  body: {
    error: 'partial write of line protocol occurred',
    data: lines.flatMap((line, index) =>
      isBad(line)
        ? [{ original_line: line, line_number: index + 1, error_message: `bad line ${line.length}` }]
        : [],
    ),
  },
  stores: (line) => !isBad(line),
});

const REFUSALS: readonly [string, Refusal][] = [
  [
    '400 partial write of 1.x',
    ({ lines }, isBad) => ({
      status: 400,
      body: {
        error: `partial write: field type conflict: input field "x" dropped=${lines.filter(isBad).length}`,
      },
      stores: (line) => !isBad(line),
    }),
  ],
  [
    '422 partial write of 2.x',
    () => ({
      status: 422,
      body: {
        code: 'unprocessable entity',
        message: 'failure writing points: partial write: points beyond retention',
      },
    }),
  ],
  [
    '400 for all of it because of one line, as 2.x',
    (_, isBad) => ({
      status: 400,
      body: { code: 'invalid', message: "unable to parse 'x': bad timestamp" },
      stores: (line) => !isBad(line) && false,
    }),
  ],
  [
    '400 with the number of the first line, as Cloud',
    ({ lines }, isBad) => ({
      status: 400,
      body: { code: 'invalid', message: 'line protocol poorly formed', line: lines.findIndex(isBad) + 1 },
    }),
  ],
  ['400 with the numbers of the lines, as 3.x', named],
  ['201 with the numbers of the lines, as 3.x did', (...request) => ({ ...named(...request), status: 201 })],
  [
    '201 with the numbers in the message, as Serverless did',
    ({ lines }, isBad) => ({
      status: 201,
      body: {
        code: 'invalid',
        message: `failed to parse line protocol: errors encountered on line(s): ${lines
          .flatMap((line, index) => (isBad(line) ? [`error parsing line ${index + 1} (1-based): wrong`] : []))
          .join('; ')}`,
      },
      stores: (line) => !isBad(line),
    }),
  ],
  ['200 with an error in it', () => ({ status: 200, body: { error: 'unable to parse points' } })],
];

describe('refused', () => {
  it.each(REFUSALS)('%s: only the lines at fault, whichever they are', async (_, refusal) => {
    const isBad = (line: string): boolean => /user=u(0|13|14|99) /.test(line);
    server.answer((request) => (request.lines.some(isBad) ? refusal(request, isBad) : { status: 204 }));

    const result = await opened.store.write(hourlies(100));

    const bad = [0, 13, 14, 99].map((index) => hourly(index));
    expect(result).toMatchObject({ accepted: 96, kept: [] });
    expect(result.rejected.map(({ point }) => point)).toEqual(bad);
    expect(opened.letters).toEqual(result.rejected);
    for (const { reason } of result.rejected) expect(reason).toMatch(/\w+ \w+/);
    expect(server.stored.size).toBe(96);
    expect(opened.waits).toEqual([]);
  });

  it('finds any bad lines, and stores the last value of every good point', async () => {
    const write = fc.record({
      values: fc.array(fc.record({ user: fc.nat(9), requests: fc.nat(1_000), bad: fc.boolean() }), {
        maxLength: 60,
      }),
      refusal: fc.constantFrom(...REFUSALS.map(([, refusal]) => refusal)),
    });

    await fc.assert(
      fc.asyncProperty(write, async ({ values, refusal }) => {
        const isBad = (line: string): boolean => line.includes(',key=bad,');
        const all = values.map(({ user, requests, bad }): Point => ({
          time: 1_735_689_600,
          tags: { user: `u${user}`, provider: 'trae', ...(bad && { key: 'bad' }) },
          fields: { requests },
        }));
        server.answer((request) => (request.lines.some(isBad) ? refusal(request, isBad) : { status: 204 }));

        const result = await opened.store.write(all);

        const bad = all.filter(({ tags }) => tags.key);
        expect(result.rejected.map(({ point }) => point)).toEqual(bad);
        expect(result).toMatchObject({ accepted: all.length - bad.length, kept: [] });
        for (const point of all) {
          const last = all.findLast(({ tags }) => !tags.key && tags.user === point.tags.user);
          if (last) expect(server.stored.get(storedKey(last))).toBe(`requests=${last.fields.requests}i`);
        }
      }),
      runs(300),
    );
  });

  it('needs few requests: one where all are refused, some 25 for one line in 5,000', async () => {
    const isBad = (line: string): boolean => line.includes('user=u4321 ');
    const refuse: Refusal = ({ lines }) => ({
      status: 400,
      body: { error: `partial write: x dropped=${lines.length}` },
    });
    server.answer((request) => refuse(request, () => true));
    await opened.store.write(hourlies(5_000));
    const forAll = server.writes.length;
    server.answer(({ lines }) =>
      lines.some(isBad) ? { status: 400, body: { error: 'partial write: x dropped=1' } } : { status: 204 },
    );

    const result = await opened.store.write(hourlies(5_000));

    expect(forAll).toBe(1);
    expect(result.accepted).toBe(4_999);
    expect(server.writes.length - forAll).toBeLessThan(30);
  });

  it('413 splits until it fits, and gives up what does not fit alone', async () => {
    server.answer(({ lines }) =>
      lines.length > 3 || lines.some((line) => line.includes('user=u5 '))
        ? { status: 413, body: { error: 'Request Entity Too Large' } }
        : { status: 204 },
    );

    const result = await opened.store.write(hourlies(10));

    expect(result).toMatchObject({ accepted: 9, kept: [] });
    expect(result.rejected).toEqual([{ point: hourly(5), reason: 'Request Entity Too Large' }]);
    expect(storedRequests(server.stored)).toEqual([1, 2, 3, 4, 5, 7, 8, 9, 10]);
  });

  it('points that cannot be sent, without sending them', async () => {
    const bad = { ...hourly(1), fields: {} };

    const result = await opened.store.write([hourly(0), bad, hourly(2)]);

    expect(result).toMatchObject({ accepted: 2, rejected: [{ point: bad, reason: 'a point has no field' }] });
    expect(opened.letters).toEqual(result.rejected);
  });
});
