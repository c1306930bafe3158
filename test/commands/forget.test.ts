import { join } from 'node:path';
import { expect, test } from 'vitest';
import { collectCommand } from '../../src/commands/collect.ts';
import type { CommandContext } from '../../src/commands/context.ts';
import { forgetCommand } from '../../src/commands/forget.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { jobOf } from '../e2e/support/job.ts';
import { anHourAgo, DAY, startVendor } from '../e2e/support/vendor.ts';
import { commandPlace, type CommandPlace } from './place.ts';

const START = anHourAgo() - DAY;
const forget =
  (job: string, force = false) =>
  (context: CommandContext) =>
    forgetCommand(context, { job, force });

async function collected() {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', { start: START, end: anHourAgo() });
  const job = jobOf(vendor, { start: START, name: 'old' });
  await place.run((context) => collectCommand(context, { jobs: [], dryRun: false, json: false }), [job]);
  return { place, job };
}

const ledgerOf = ({ data }: CommandPlace) => openLedger(join(data, 'ledger.sqlite'));

test('a job without a file is removed from the ledger, and its points stay in the store', async () => {
  const { place } = await collected();

  const forgotten = await place.run(forget('old'), []);

  expect(forgotten.code).toBe(0);
  expect(forgotten.out).toMatch(/^old: \d+ rows removed from the ledger; points in the store are kept\n$/);
  const ledger = ledgerOf(place);
  expect([ledger.jobs.names(), ledger.checkpoints.of('old')]).toEqual([[], []]);
  ledger.close();
  const store = openSqliteStore(join(place.data, 'usage.sqlite'));
  expect(await store.sums({ start: START, end: START + 2 * DAY, by: [] })).toHaveLength(1);
  await store.close();
  await expect(place.run(forget('old'), [])).rejects.toThrow('the ledger has nothing about a job "old"');
});

test('a job with a file is kept unless forced', async () => {
  const { place, job } = await collected();

  await expect(place.run(forget('old'), [job])).rejects.toThrow('the job "old" has a job file');

  expect((await place.run(forget('old', true), [job])).code).toBe(0);
});

test('points that are not stored yet are kept unless forced', async () => {
  const { place } = await collected();
  const ledger = ledgerOf(place);
  ledger.spool.add([{ job: 'old', time: START, end: START + 3600, series: 's', line: 'l' }]);
  ledger.close();

  await expect(place.run(forget('old'), [])).rejects.toThrow(
    'the job "old" has points that are not stored yet (1)',
  );

  expect((await place.run(forget('old', true), [])).code).toBe(0);
});

test('points that are held back for a store that does not overwrite are kept unless forced', async () => {
  const { place } = await collected();
  const ledger = ledgerOf(place);
  ledger.state.set('old', 'held_back', 'yes');
  ledger.close();

  await expect(place.run(forget('old'), [])).rejects.toThrow(
    /the job "old" has points that are held back until they are final \(\d+\)/,
  );

  expect((await place.run(forget('old', true), [])).code).toBe(0);
});

test('nothing is removed while a collector runs on the data folder', async () => {
  const { place } = await collected();
  const running = ledgerOf(place);
  running.leases.take('daemon', 'run 4711');

  await expect(place.run(forget('old'), [])).rejects.toThrow('in use by another process (run 4711)');

  expect(running.jobs.names()).toEqual(['old']);
  running.close();
});
