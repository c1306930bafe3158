import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { backfillCommand, type BackfillArguments } from '../../src/commands/backfill.ts';
import { ConfigError } from '../../src/config/errors.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { addFields } from '../../src/usage/aggregate.ts';
import { seriesKey } from '../../src/usage/series.ts';
import { bucketStart } from '../../src/windows/calendar.ts';
import { jobOf } from '../e2e/support/job.ts';
import { instant, storedSums, trueSums } from '../e2e/support/place.ts';
import { anHourAgo, DAY, startVendor } from '../e2e/support/vendor.ts';
import { commandPlace } from './place.ts';

const END = anHourAgo();
const FIRST = END - 5 * DAY;
const backfill =
  (more: Partial<BackfillArguments> = {}) =>
  (context: Parameters<typeof backfillCommand>[0]) =>
    backfillCommand(context, {
      job: 'ucloud',
      from: instant(FIRST),
      full: false,
      plan: false,
      json: false,
      ...more,
    });

test('--json prints one line of progress per window', async () => {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', { start: FIRST, end: END });

  const { code, out, err } = await place.run(backfill({ json: true }), [jobOf(vendor, { start: END - DAY })]);

  expect([code, err]).toEqual([0, '']);
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { done: number; total: number; points: number });
  expect(lines.map(({ done }) => done)).toEqual(lines.map((_, index) => index + 1));
  expect(lines.at(-1)).toMatchObject({ done: lines.length, total: lines.length, eta: 0 });
  expect(lines.at(-1)!.points).toBe(trueSums(vendor, FIRST).size);
  expect(await storedSums(place, vendor, 0)).toEqual(trueSums(vendor, FIRST));
});

test('--plan prints the plan and writes nothing', async () => {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', { start: FIRST, end: END });
  const jobs = [jobOf(vendor, { start: END - DAY })];

  const plan = await place.run(backfill({ plan: true }), jobs);

  expect([plan.code, plan.err]).toEqual([0, '']);
  expect(plan.out).toMatch(/^ucloud: 20.* \S+\n\d+ windows x \d+ partitions\n\d+ calls, about \d+ s at /);
  expect(existsSync(place.data)).toBe(false);
});

test('a finished backfill starts from the beginning when run again, and changes nothing', async () => {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', { start: FIRST, end: END });
  const jobs = [jobOf(vendor, { start: END - DAY })];
  const to = instant(END);
  const first = await place.run(backfill({ to }), jobs);

  const again = await place.run(backfill({ to }), jobs);

  expect([first.code, again.code]).toEqual([0, 0]);
  expect(again.err.split('\n').slice(0, 3)).toEqual(first.err.split('\n').slice(0, 3));
  expect(await storedSums(place, vendor, 0)).toEqual(trueSums(vendor, FIRST));
});

test('--full reads buckets whose totals equal what is stored, and its plan says at most how many', async () => {
  const place = commandPlace();
  const vendor = await startVendor('trae', { start: FIRST, end: END });
  const jobs = [jobOf(vendor, { start: END - DAY })];
  const range = { job: 'trae', to: instant(END) };
  await place.run(backfill(range), jobs);
  const store = openSqliteStore(join(place.data, 'usage.sqlite'));
  const points = await store.points({ start: FIRST, end: END - 4 * DAY });
  const [a, b] = points
    .flatMap((one) => points.map((other) => [one, other] as const))
    .find(
      ([one, other]) =>
        one.time < other.time &&
        seriesKey(one.tags) === seriesKey(other.tags) &&
        bucketStart(one.time, '1d', 'Asia/Shanghai') === bucketStart(other.time, '1d', 'Asia/Shanghai'),
    )!;
  await store.write([
    { ...a, fields: addFields(a.fields, { input_tokens: 7 }) },
    { ...b, fields: addFields(b.fields, { input_tokens: -7 }) },
  ]);
  await store.close();

  const equal = await place.run(backfill(range), jobs);
  const plan = await place.run(backfill({ ...range, full: true, plan: true }), jobs);
  const full = await place.run(backfill({ ...range, full: true }), jobs);

  expect([equal.code, plan.code, full.code]).toEqual([0, 0, 0]);
  expect(equal.out).toMatch(/^0 points written in /);
  expect(full.out).toMatch(/^[1-9]\d* points written in /);
  const [, most] = / to ([\d,]+) calls/.exec(plan.out)!;
  const [, calls] = / in ([\d,]+) calls/.exec(full.out)!;
  expect(Number(calls)).toBeLessThanOrEqual(Number(most!.replaceAll(',', '')));
  expect(await storedSums(place, vendor, 0)).toEqual(trueSums(vendor, FIRST));
});

test.each([
  ['a reversed range', { from: '2d', to: '4d' }],
  ['an invalid time', { from: 'yesterday' }],
  ['a time before 2015', { from: '1900-01-01' }],
])('%s is refused', async (_, args) => {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', { start: FIRST, end: END });

  const refused = place.run(backfill(args), [jobOf(vendor, { start: END - DAY })]);

  await expect(refused).rejects.toThrow(ConfigError);
  expect(vendor.simulator.calls).toEqual([]);
});
