import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { until, urlOf } from '../support/process.ts';
import { behindGateway, type Asked } from './support/gateway.ts';
import { createPlace, instant, onceADay, storedSums, trueSums } from './support/place.ts';
import { anHourAgo, DAY, fieldsOf, seriesOf, startVendor } from './support/vendor.ts';

const PER_SECOND = 5;
/** How far arrival may lag behind departure, seconds. */
const LAG = 1;

interface Question {
  readonly key: string;
  /** Unix seconds. */
  readonly start: number;
  readonly end: number;
}

/** The usage that a UCloud request asks for; undefined for a list of keys. */
function questionOf({ url, body }: Asked): Question | undefined {
  const query = new URLSearchParams(body || url.split('?')[1]);
  if (query.get('Action') !== 'GetUMInferTokenUsage') return undefined;
  const [key = '', start, end] = ['KeyId', 'StartTime', 'EndTime'].map(
    (name) => query.get(name) ?? undefined,
  );
  return { key, start: Number(start), end: Number(end) };
}

const questionsOf = (asked: readonly Asked[]): Question[] => asked.flatMap((one) => questionOf(one) ?? []);

/** A vendor with twelve days of usage, of which its job collects the last. */
async function setUp() {
  const end = anHourAgo();
  const first = end - 12 * DAY;
  const place = createPlace();
  const vendor = await behindGateway(await startVendor('ucloud', { start: first, end }));
  // At the pace of the vendor: there must be time to interrupt.
  place.addJob(vendor, { start: end - DAY, rate_limit: {} });
  const command = ['backfill', 'ucloud', '--from', instant(first), '--to', instant(end - DAY)];
  return { place, vendor, first, end, command };
}

test('the plan says what would be asked, and asks for no usage', async () => {
  const { place, vendor, command } = await setUp();

  const plan = await place.run([...command, '--plan']);
  const forMachines = await place.run([...command, '--plan', '--json']);

  expect([plan.code, plan.stderr, forMachines.code, forMachines.stderr]).toEqual([0, '', 0, '']);
  expect(plan.stdout).toMatch(/^ucloud: \d{4}-\d\d-\d\d \d\d:00 to \d{4}-\d\d-\d\d \d\d:00 Asia\/Shanghai\n/);
  expect(plan.stdout).toMatch(/\n1[12] windows x 2 partitions\n2[24] calls, about 5 s at 5 per second\n$/);
  const { windows, calls, seconds } = JSON.parse(forMachines.stdout) as Record<string, unknown>;
  expect(calls).toBe((windows as unknown[]).length * 2);
  expect(seconds).toBe(((windows as unknown[]).length * 2) / PER_SECOND);
  expect(questionsOf(vendor.gateway.asked)).toEqual([]);
});

test('interrupted by Ctrl-C and by kill -9, it goes on where it was; sums are exact', async () => {
  const { place, vendor, first, command } = await setUp();
  const { asked } = vendor.gateway;
  const answered = (): number => questionsOf(asked.filter(({ answer }) => answer)).length;

  const one = place.start(command);
  await until('three windows are read', () => answered() > 6, { by: one });
  one.kill('SIGINT');
  const interrupted = await one.ended;
  const before = answered();
  const two = place.start(command);
  await until('three more are read', () => answered() > before + 6, { by: two });
  two.kill('SIGKILL');
  const killed = await two.ended;
  const three = await place.run(command);
  await place.run(['collect']);

  expect(interrupted.code).toBe(1);
  expect(interrupted.stderr).toMatch(/^1\/1[12] {2}20.* to 20.* {2}2 calls, \d+ points {2}\d+ s left$/m);
  expect(interrupted.stderr).toMatch(/\nstopped; run the same command again to resume\n$/);
  expect([killed.signal, three.code]).toEqual(['SIGKILL', 0]);
  expect([killed, three].map(({ stderr }) => stderr)).toEqual(
    Array(2).fill(expect.stringMatching(/^resuming ucloud: /)),
  );
  expect(three.stdout).toMatch(/^\d+ points written in \d+ calls, \d+ s\n$/);
  const starts = questionsOf(asked).map(({ key, start }) => `${key} ${start}`);
  // Only the window in which it was stopped is read again: two of its keys, twice.
  expect(starts.length - new Set(starts).size).toBeLessThanOrEqual(4);
  expect(await storedSums(place, vendor, first - DAY)).toEqual(trueSums(vendor, first));
});

test('beside a running daemon it shares the rate limit, and they take turns on a job', async () => {
  const { place, vendor, first, end } = await setUp();
  const start = end - 3 * DAY;
  const range = ['--from', instant(first), '--to', instant(start)];
  // One job for each key of the same account: what is asked tells which job asks.
  for (const [name, key] of [
    ['ucloud', 'uminferapikey-one'],
    ['other', 'uminferapikey-two'],
  ] as const) {
    const job = { provider: 'ucloud', account: name, schedule: onceADay(), start: instant(start) };
    const options = { ...vendor.options, keys: [key] };
    writeFileSync(join(place.folder, 'jobs', `${name}.yaml`), stringify({ ...job, options }));
  }
  const ofJob = (): Question[] =>
    questionsOf(vendor.gateway.asked).filter(({ key }) => key === 'uminferapikey-one');
  const daemon = place.start(['run']);
  const url = await urlOf(daemon);
  const backfills: { stderr: string }[] = [];
  vendor.gateway.intercept(async (asked) => {
    // The daemon is kept in the middle of its poll until the backfill waits for it.
    if (ofJob().length === 1 && questionOf(asked)) {
      await until('the backfill waits', () => backfills[0]?.stderr.includes('is in use by run '));
    }
    return undefined;
  });

  const backfill = place.start(['backfill', 'ucloud', ...range]);
  backfills.push(backfill);
  const { code } = await backfill.ended;
  await until('the daemon has polled', async () => (await fetch(`${url}/readyz`)).ok, { by: daemon });
  daemon.kill('SIGTERM');
  await daemon.ended;
  await place.run(['backfill', 'other', ...range]);

  expect(code).toBe(0);
  // All of the daemon's poll, then all of the backfill.
  const by = ofJob().map((question) => (question.start >= start ? 'daemon' : 'backfill'));
  expect(by).toEqual([...by].toSorted().toReversed());
  expect(new Set(by)).toEqual(new Set(['daemon', 'backfill']));
  const times = vendor.gateway.asked.map(({ at }) => at / 1000);
  expect(times.at(-1)! - times[0]!).toBeGreaterThan((times.length - 1) / PER_SECOND - LAG);
  expect(await storedSums(place, vendor, first - DAY)).toEqual(trueSums(vendor, first));
});

test('200 days of Trae are asked in parts that it takes', async () => {
  const end = anHourAgo();
  const tags = seriesOf('trae')[0]!;
  const events = [190, 3].map((days) => {
    const time = end - days * DAY;
    return { id: `${days}`, time, visibleAt: time, tags, fields: fieldsOf('trae', 2 ** 40 + days, days) };
  });
  const place = createPlace();
  const vendor = await behindGateway(await startVendor('trae', events));
  place.addJob(vendor, { start: end - DAY, bucket: '1d' });

  const { code, stderr, stdout } = await place.run(['backfill', 'trae', '--from', '200d']);

  expect([code, stdout]).toEqual([0, expect.stringMatching(/^2 points written in \d+ calls/)]);
  expect(stderr).toMatch(/^trae: .* Asia\/Shanghai\n7 windows x 2 partitions\n7 to 200 calls, about /);
  const spans = vendor.gateway.asked.flatMap(({ body }) => {
    const { start_time, end_time } = JSON.parse(body || '{}') as Record<string, number>;
    return start_time === undefined ? [] : [(end_time! - start_time) / DAY];
  });
  expect(Math.max(...spans)).toBeLessThanOrEqual(180);
  const width = { bucket: '1d' as const, zone: 'Asia/Shanghai' };
  expect(await storedSums(place, vendor, 0)).toEqual(trueSums(vendor, 0, width));
});
