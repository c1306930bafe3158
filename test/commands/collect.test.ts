import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { collectCommand } from '../../src/commands/collect.ts';
import { Secret } from '../../src/lib/secret.ts';
import { parseLine } from '../../src/usage/line-protocol.ts';
import { jobOf } from '../e2e/support/job.ts';
import { sumsOf, storedSums, trueSums } from '../e2e/support/place.ts';
import { anHourAgo, DAY, startVendor } from '../e2e/support/vendor.ts';
import { commandPlace } from './place.ts';

const START = anHourAgo() - DAY;
const USAGE = { start: START, end: anHourAgo() };
const PLAIN = { jobs: [], dryRun: false, json: false };

test('reports windows and points as a table or as JSON', async () => {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', USAGE);
  const job = jobOf(vendor, { start: START });

  const first = await place.run((context) => collectCommand(context, PLAIN), [job]);
  const second = await place.run((context) => collectCommand(context, { ...PLAIN, json: true }), [job]);

  const points = trueSums(vendor, START).size;
  expect([first.code, first.err]).toEqual([0, '']);
  expect(first.out).toMatch(/^job {5}windows {2}points written {2}unchanged {2}gaps\n/);
  expect(first.out).toMatch(new RegExp(`\\nucloud +\\d+ +${points} +0 +0\\n$`));
  expect(JSON.parse(second.out)).toEqual([
    { job: 'ucloud', windows: expect.any(Number), written: 0, unchanged: expect.any(Number), gaps: 0 },
  ]);
});

test('shows progress on a terminal and clears it at the end', async () => {
  const place = commandPlace();
  const vendors = [await startVendor('ucloud', USAGE), await startVendor('r9s', USAGE)];
  const jobs = vendors.map((vendor) => jobOf(vendor, { start: START }));

  const { out, err } = await place.run((context) => collectCommand(context, PLAIN), jobs, {
    interactive: true,
  });

  const shown = err.split('\r\u001b[K');
  expect(shown[1]).toMatch(/^\d+ points of (ucloud|r9s)$/);
  expect(shown.at(-2)).toMatch(/^\d+ points of \w+, \d+ of \w+$/);
  expect(shown.at(-1)).toBe('');
  expect(out).toMatch(/^job /);
});

test('a provider that cannot be read fails the command and affects no other job', async () => {
  const place = commandPlace();
  const good = await startVendor('ucloud', USAGE);
  const bad = jobOf(await startVendor('r9s', USAGE), { start: START });
  const wrong = {
    ...bad,
    options: { ...(bad.options as object), management_key: new Secret('sk_mg_wrong') },
  };

  const { code, out, err } = await place.run(
    (context) => collectCommand(context, PLAIN),
    [wrong, jobOf(good, { start: START })],
  );

  expect([code, err]).toEqual([1, '']);
  expect(out).toMatch(/\nr9s: credentials: usage: .*API key not found\n {2}Give a management key .*\n$/);
  expect(await storedSums(place, good, 0)).toEqual(trueSums(good, START));
});

test('a dry run prints line protocol and leaves no file', async () => {
  const place = commandPlace();
  const vendor = await startVendor('trae', USAGE);

  const { code, out, err } = await place.run(
    (context) => collectCommand(context, { ...PLAIN, dryRun: true }),
    [jobOf(vendor, { start: START })],
  );

  expect([code, err]).toEqual([0, '']);
  expect(
    sumsOf(
      out
        .trimEnd()
        .split('\n')
        .map((line) => parseLine(line)),
    ),
  ).toEqual(trueSums(vendor, START));
  expect(existsSync(place.data)).toBe(false);
});

test('a dry run with --json prints one point per line', async () => {
  const place = commandPlace();
  const vendor = await startVendor('r9s', USAGE);

  const { out } = await place.run(
    (context) => collectCommand(context, { ...PLAIN, dryRun: true, json: true }),
    [jobOf(vendor, { start: START })],
  );

  const points = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Parameters<typeof sumsOf>[0][number]);
  expect(sumsOf(points)).toEqual(trueSums(vendor, START));
  expect(points[0]).toMatchObject({ job: 'r9s', tags: { provider: 'r9s', bucket: '1h' } });
});
