import { expect, test } from 'vitest';
import { collectCommand } from '../../src/commands/collect.ts';
import { gapsCommand } from '../../src/commands/gaps.ts';
import { Secret } from '../../src/lib/secret.ts';
import { jobOf } from '../e2e/support/job.ts';
import { storedSums, trueSums } from '../e2e/support/place.ts';
import { anHourAgo, DAY, startVendor } from '../e2e/support/vendor.ts';
import { commandPlace } from './place.ts';

const START = anHourAgo() - DAY;
const gaps =
  (more: { fill?: boolean; json?: boolean } = {}) =>
  (context: Parameters<typeof gapsCommand>[0]) =>
    gapsCommand(context, { fill: false, json: false, ...more });

test('a provider outage is listed until it is filled', async () => {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', { start: START, end: anHourAgo() });
  const job = jobOf(vendor, { start: START });
  const lockedOut = { ...job, options: { ...(job.options as object), private_key: new Secret('wrong') } };
  await place.run(
    (context) => collectCommand(context, { jobs: [], dryRun: false, json: false }),
    [lockedOut],
  );

  const listed = await place.run(gaps(), [job]);
  const forMachines = await place.run(gaps({ json: true }), [job]);
  const unfilled = await place.run(gaps({ fill: true }), [lockedOut]);
  const filled = await place.run(gaps({ fill: true }), [job]);
  const none = await place.run(gaps({ json: true }), [job]);

  expect([listed.code, forMachines.code, unfilled.code, filled.code, none.code]).toEqual([1, 1, 1, 0, 0]);
  expect(listed.out).toMatch(/^job {5}partition {2}from .* next try +cause\n/);
  expect(listed.out).toMatch(/\nucloud {2}all {8}20.* 1 {2}20.* credentials: .*RetCode 171/);
  expect(JSON.parse(forMachines.out)).toMatchObject([
    { job: 'ucloud', partition: '*', start: START, kind: 'credentials', attempts: 1, expired: false },
  ]);
  expect(unfilled.err).toMatch(/^ucloud: credentials: .*RetCode 171.*\n {2}\S/);
  expect([filled.out, none.out]).toEqual(['no gaps\n', '[]\n']);
  expect(await storedSums(place, vendor, 0)).toEqual(trueSums(vendor, START));
});
