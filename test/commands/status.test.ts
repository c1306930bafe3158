import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { collectCommand } from '../../src/commands/collect.ts';
import { statusCommand } from '../../src/commands/status.ts';
import { ConfigError } from '../../src/config/errors.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { jobOf } from '../e2e/support/job.ts';
import { anHourAgo, DAY, startVendor } from '../e2e/support/vendor.ts';
import { contextOf } from './context.ts';
import { commandPlace } from './place.ts';

const START = anHourAgo() - DAY;
const status =
  (json = false) =>
  (context: Parameters<typeof statusCommand>[0]) =>
    statusCommand(context, { json });
const collect = (context: Parameters<typeof collectCommand>[0]) =>
  collectCommand(context, { jobs: [], dryRun: false, json: false });

test('status before and after the first collection', async () => {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', { start: START, end: anHourAgo() });
  const job = jobOf(vendor, { start: START });

  const before = await place.run(status(), [job]);
  await place.run(collect, [job]);
  const after = await place.run(status(true), [job]);

  expect(before.code).toBe(0);
  expect(before.out).toMatch(
    /\nucloud {2}not yet +- +0 % +2[56] {5}0 {8}0 {10}0\n-: no closed bucket has been read yet\n$/,
  );
  expect(JSON.parse(after.out)).toMatchObject({
    jobs: [{ job: 'ucloud', unread: 0, gaps: 0, expired: 0, revisions: 0, mismatches: 0 }],
    off: [],
    forgotten: [],
    spooled: 0,
    rejected: 0,
    discarded: 0,
  });
});

test('rejected points are counted, also those that are no longer in the file', async () => {
  const place = commandPlace();
  mkdirSync(place.data, { recursive: true });
  const letters = ['{"at":"2026-01-01T00:00:00.000Z","reason":"a","discarded":1200}', '{"reason":"b"}'];
  writeFileSync(join(place.data, 'rejected.jsonl'), `${letters.join('\n')}\n`);

  const { out } = await place.run(status(), []);

  expect(out).toBe(
    '2 points rejected permanently by the store: see rejected.jsonl in the data folder\n' +
      '1,200 earlier points were removed from rejected.jsonl because it was full\n',
  );
});

test('disabled jobs and jobs without a job file are listed', async () => {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', { start: START, end: anHourAgo() });
  await place.run(collect, [jobOf(vendor, { start: START, name: 'old' })]);
  const off = [{ name: 'trae', file: 'jobs/trae.yaml', reason: 'TRAE_APP_ID is not set' }];

  const { code, out } = await place.run(status(), [], { off });

  expect(code).toBe(0);
  expect(out).toBe(
    'trae: disabled: TRAE_APP_ID is not set\nold has stored data but no job file; tokentide forget old removes it from the ledger\n',
  );
});

test('a broken job file does not hide the other jobs, and dropped rows are listed', async () => {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', { start: START, end: anHourAgo() });
  const job = jobOf(vendor, { start: START });
  await place.run(collect, [job]);
  const ledger = openLedger(join(place.data, 'ledger.sqlite'));
  ledger.counters.add('ucloud', 'dropped outside_window', 1200);
  ledger.state.set('ucloud', 'dropped', '{"outside_window":{"rows":1,"polls":5}}');
  ledger.close();
  const issues = [{ file: 'jobs/a.yaml', message: 'unknown provider "r9x"' }];

  const { code, out, err } = await place.run(status(), [job], { issues });

  expect([code, err]).toEqual([2, 'jobs/a.yaml: unknown provider "r9x"\n']);
  expect(out).toMatch(/\nucloud: 1,200 rows dropped: outside_window, at each of the last 5 polls\n/);
  expect(out).toMatch(/\nucloud: usage is incomplete: rows outside the requested window/);
});

test('points that are held back are counted, with the end of what is stored', async () => {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', { start: START, end: anHourAgo() });
  const job = jobOf(vendor, { start: START });
  await place.run(collect, [job]);
  const ledger = openLedger(join(place.data, 'ledger.sqlite'));
  ledger.state.set('ucloud', 'held_back', 'yes');
  ledger.close();

  const recent = await place.run(status(), [job]);
  const old = await place.run(status(), [{ ...job, lookback: DAY / 2 }]);

  const held = /; the store takes each point once, when it is final; points held back: [\d,]+\n/;
  expect(recent.out).toMatch(new RegExp(`\\nucloud: nothing is stored yet${held.source}`));
  expect(old.out).toMatch(
    new RegExp(
      `\\nucloud: stored up to \\d{4}-\\d\\d-\\d\\d \\d\\d:00, 1[23] h( \\d+ min)? ago${held.source}`,
    ),
  );
});

test('errors in job files are not ignored', async () => {
  const issues = [{ file: 'jobs/a.yaml', message: 'unknown provider "r9x"' }];

  await expect(statusCommand(contextOf({ issues }), { json: false })).rejects.toThrow(ConfigError);
});
