import { join } from 'node:path';
import { expect, test } from 'vitest';
import { collectCommand } from '../../src/commands/collect.ts';
import type { CommandContext } from '../../src/commands/context.ts';
import { migrateCommand } from '../../src/commands/migrate.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { jobOf } from '../e2e/support/job.ts';
import { anHourAgo, DAY, startVendor } from '../e2e/support/vendor.ts';
import { commandPlace, type CommandPlace } from './place.ts';

const START = anHourAgo() - DAY;
const collect = (context: CommandContext) =>
  collectCommand(context, { jobs: [], dryRun: false, json: false });
const migrate =
  (choice: { dropOld?: true; keepOld?: true } = { dropOld: true }) =>
  (context: CommandContext) =>
    migrateCommand(context, { job: 'ucloud', ...choice });

async function accounts({ data }: CommandPlace): Promise<Set<string | undefined>> {
  const store = openSqliteStore(join(data, 'usage.sqlite'));
  const rows = await store.sums({ start: 0, end: anHourAgo() + DAY, by: ['account'] });
  await store.close();
  return new Set(rows.map(({ tags }) => tags.account));
}

async function collected() {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', { start: START, end: anHourAgo() });
  const job = jobOf(vendor, { start: START });
  await place.run(collect, [job]);
  return { place, job, changed: { ...job, account: 'other' } };
}

test('migrate refuses while a collector runs on the data folder, and changes nothing', async () => {
  const { place, job, changed } = await collected();
  const running = openLedger(join(place.data, 'ledger.sqlite'));
  running.leases.take('daemon', 'run 4711');

  const refused = place.run(migrate(), [changed]);

  await expect(refused).rejects.toThrow('the data folder is in use by another process (run 4711)');
  running.close();
  expect(await accounts(place)).toEqual(new Set([job.account]));
});

test('migrate deletes the old points, and the next poll reads them under the new settings', async () => {
  const { place, changed } = await collected();

  const migrated = await place.run(migrate(), [changed]);
  await place.run(collect, [changed]);
  const again = await place.run(migrate(), [changed]);

  expect([migrated.code, again.code]).toEqual([0, 0]);
  expect(migrated.out).toMatch(/^ucloud: old points deleted; the next poll reads everything since 20/);
  expect(again.out).toBe('ucloud has not changed: nothing to migrate\n');
  expect(await accounts(place)).toEqual(new Set(['other']));
});

test('migrate asks what happens to the old points', async () => {
  const { place, changed } = await collected();

  await expect(place.run(migrate({}), [changed])).rejects.toThrow(/^choose what happens to the points/);
});
