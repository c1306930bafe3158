import { describe, expect, test } from 'vitest';
import { expectComplaint } from './support/complaint.ts';
import { urlOf } from '../support/process.ts';
import { createPlace, storedSums, trueSums } from './support/place.ts';
import { anHourAgo, DAY, startVendor } from './support/vendor.ts';

async function setUp() {
  const end = anHourAgo();
  const start = end - DAY;
  const place = createPlace();
  const vendor = await startVendor('ucloud', { start, end });
  place.addJob(vendor, { start });
  return { place, vendor, start };
}

describe('two daemons on one data folder', () => {
  test('the second is refused, and the first goes on', async () => {
    const { place } = await setUp();
    const first = place.start(['run']);
    const url = await urlOf(first);

    const second = await place.run(['run']);

    expectComplaint(
      second,
      new RegExp(`^the data folder is in use by another process \\(run ${first.pid}\\)$`),
      /^ {2}stop that process, or set TOKENTIDE_DATA/,
    );
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(first.finished).toBeUndefined();
  });

  test('a killed one is not waited for', async () => {
    const { place } = await setUp();
    const first = place.start(['run']);
    await urlOf(first);
    first.kill('SIGKILL');
    await first.ended;

    const second = place.start(['run']);

    await expect(urlOf(second)).resolves.toMatch(/^http:/);
  });

  test('one that was stopped is not in the way', async () => {
    const { place } = await setUp();
    const first = place.start(['run']);
    await urlOf(first);
    first.kill('SIGTERM');
    await first.ended;

    const second = place.start(['run']);

    await expect(urlOf(second)).resolves.toMatch(/^http:/);
  });
});

test('two that listen on one address: the second says so', async () => {
  const { place } = await setUp();
  const url = await urlOf(place.start(['run']));
  const { place: other } = await setUp();

  const second = await other.run(['run'], { TOKENTIDE_LISTEN: url.replace('http://', '') });

  expectComplaint(
    second,
    /^cannot serve health and metrics on 127\.0\.0\.1:\d+: .*EADDRINUSE/,
    /^ {2}set TOKENTIDE_LISTEN to another address, or to off$/,
  );
});

describe('a job that has collected', () => {
  test.each([
    ['bucket', { bucket: '1d' }, /^the job "ucloud" has changed: bucket was 1h and is now 1d$/],
    ['zone', { zone: 'UTC' }, /^the job "ucloud" has changed: zone was Asia\/Shanghai and is now UTC$/],
    ['account', { account: 'b' }, /^the job "ucloud" has changed: account was default and is now b$/],
  ])('is refused under another %s, with the choices', async (_, change, message) => {
    const { place, vendor, start } = await setUp();
    await place.run(['collect']);
    place.addJob(vendor, { start, ...change });

    const complaints = [await place.run(['collect']), await place.run(['run'])];

    for (const complaint of complaints) {
      expectComplaint(
        complaint,
        message,
        /^ {2}Usage would be stored twice, under the old and the new settings\./,
      );
      expect(complaint.stderr).toMatch(/tokentide migrate ucloud --keep-old {3}\S/);
      expect(complaint.stderr).toMatch(/tokentide migrate ucloud --drop-old {3}\S/);
    }
  });

  test('counts nothing twice once the change is adopted', async () => {
    const { place, vendor, start } = await setUp();
    await place.run(['collect']);
    place.addJob(vendor, { start, bucket: '1d' });

    const unsaid = await place.run(['migrate', 'ucloud']);
    const migrated = await place.run(['migrate', 'ucloud', '--drop-old']);
    const collected = await place.run(['collect']);

    expectComplaint(
      unsaid,
      /^choose what happens to the points stored under the old settings/,
      /^ {2}--keep-old keeps them .*; --drop-old deletes/,
    );
    expect([migrated.code, migrated.stderr, collected.code, collected.stderr]).toEqual([0, '', 0, '']);
    const days = { bucket: '1d' as const, zone: 'Asia/Shanghai' };
    expect(await storedSums(place, vendor, start - DAY)).toEqual(trueSums(vendor, start, days));
  });
});
