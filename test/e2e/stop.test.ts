import { expect, test } from 'vitest';
import { logOf, until, urlOf, type Running } from '../support/process.ts';
import { createPlace, storedSums, trueSums, type Place } from './support/place.ts';
import { anHourAgo, DAY, startVendor, VENDORS, type Vendor, type VendorId } from './support/vendor.ts';

const LIMIT_MS = 10_000;
const END = anHourAgo();
const START = END - 3 * DAY;

async function setUp(ids: readonly VendorId[]): Promise<{ place: Place; vendors: Vendor[] }> {
  const place = createPlace();
  const vendors = await Promise.all(ids.map((id) => startVendor(id, { start: START, end: END })));
  for (const vendor of vendors)
    place.addJob(vendor, { start: START, bucket: vendor.id === 'trae' ? '1d' : '1h' });
  return { place, vendors };
}

/** Stops a daemon as a service manager does. Resolves to how long that took, milliseconds. */
async function stop(daemon: Running): Promise<number> {
  const asked = Date.now();
  daemon.kill('SIGTERM');
  const { code, stderr } = await daemon.ended;
  expect([code, stderr]).toEqual([0, '']);
  expect(logOf(daemon).at(-1)).toMatchObject({ level: 'info', msg: 'stopped' });
  return Date.now() - asked;
}

async function untilReady(daemon: Running): Promise<void> {
  const url = await urlOf(daemon);
  await until('everything has been polled', async () => (await fetch(`${url}/readyz`)).ok, { by: daemon });
}

async function expectExact(place: Place, vendors: readonly Vendor[]): Promise<void> {
  for (const vendor of vendors) {
    const width = vendor.id === 'trae' ? { bucket: '1d' as const, zone: 'Asia/Shanghai' } : {};
    expect(await storedSums(place, vendor, START - DAY)).toEqual(trueSums(vendor, START, width));
  }
}

test('SIGTERM in the middle of polls, one of which never ends: over within 10 s, and nothing is lost', async () => {
  const { place, vendors } = await setUp(VENDORS);
  const calls = (): number => vendors.reduce((sum, { simulator }) => sum + simulator.calls.length, 0);
  const stuck = vendors.find(({ id }) => id === 'r9s')!;
  stuck.simulator.faults(() => 'hang');
  const before = calls();
  const daemon = place.start(['run']);
  await until('polls are under way', () => calls() > before + 10 && stuck.simulator.calls.length > 0, {
    by: daemon,
  });

  const took = await stop(daemon);
  stuck.simulator.faults(() => undefined);
  const next = place.start(['run']);
  await untilReady(next);
  await stop(next);

  expect(took).toBeLessThan(LIMIT_MS);
  await expectExact(place, vendors);
});

test('a second Ctrl-C ends the daemon at once, and nothing is lost', async () => {
  const { place, vendors } = await setUp(['ucloud']);
  const [{ simulator }] = vendors as [Vendor];
  const daemon = place.start(['run']);
  await until('the poll is under way', () => simulator.calls.length > 3, { by: daemon });

  daemon.kill('SIGINT');
  await until('the daemon has heard it', () =>
    logOf(daemon).some(({ msg }) => String(msg).startsWith('stopping')),
  );
  daemon.kill('SIGINT');
  const { signal } = await daemon.ended;
  const { code } = await place.run(['collect']);

  expect(signal).toBe('SIGINT');
  expect(code).toBe(0);
  await expectExact(place, vendors);
});

test('Ctrl-C in the middle of collect says what becomes of it; the next one does the rest', async () => {
  const { place, vendors } = await setUp(['sigcal']);
  const [{ simulator }] = vendors as [Vendor];
  const collect = place.start(['collect']);
  await until('it is under way', () => simulator.calls.length > 3, { by: collect });

  collect.kill('SIGINT');
  const stopped = await collect.ended;
  const rest = await place.run(['collect']);

  expect(stopped).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'stopped; everything read so far is stored, and the next run resumes\n',
  });
  expect(rest.code).toBe(0);
  await expectExact(place, vendors);
});
