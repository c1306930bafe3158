import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { backfillCommand, type BackfillArguments } from '../../src/commands/backfill.ts';
import { ConfigError } from '../../src/config/errors.ts';
import { jobOf } from '../e2e/support/job.ts';
import { instant, storedSums, trueSums } from '../e2e/support/place.ts';
import { anHourAgo, DAY, startVendor } from '../e2e/support/vendor.ts';
import { commandPlace } from './place.ts';

const END = anHourAgo();
const FIRST = END - 5 * DAY;
const backfill =
  (more: Partial<BackfillArguments> = {}) =>
  (context: Parameters<typeof backfillCommand>[0]) =>
    backfillCommand(context, { job: 'ucloud', from: instant(FIRST), plan: false, json: false, ...more });

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
