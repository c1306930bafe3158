import { expect, test } from 'vitest';
import { logOf, until, urlOf } from '../support/process.ts';
import { startInfluxDouble } from './support/influx-double.ts';
import { createPlace, instant, sumsOf, trueSums } from './support/place.ts';
import { anHourAgo, DAY, startVendor } from './support/vendor.ts';

async function setUp({ liveFor = 0, ...job }: { liveFor?: number; schedule?: string } = {}) {
  const end = anHourAgo();
  const start = end - DAY;
  const settled = Date.now() + liveFor * 1000;
  const place = createPlace();
  const store = await startInfluxDouble();
  const vendor = await startVendor('ucloud', { start, end, liveFor });
  place.addJob(vendor, { start, ...job });
  Object.assign(place.env, store.env);
  return { place, store, vendor, start, settled };
}

test('points wait out an outage of the store, go in oldest first, and add up', async () => {
  const { place, store, vendor, start, settled } = await setUp({ liveFor: 8, schedule: '* * * * * *' });
  const daemon = place.start(['run']);
  const url = await urlOf(daemon);
  const readiness = async (): Promise<{ reasons: string[] }> =>
    (await (await fetch(`${url}/readyz`)).json()) as { reasons: string[] };
  await until('the first points are stored', () => store.writes.length > 0, { by: daemon });

  store.state = 'down';
  await until('points wait', async () =>
    /^\d+ points are waiting in the spool$/m.test((await readiness()).reasons.join('\n')),
  );
  const spooled = await (await fetch(`${url}/metrics`)).text();
  const before = store.writes.length;
  store.state = 'up';
  await until('nothing waits any more', async () => (await readiness()).reasons.length === 0, { by: daemon });
  await until('the companies stop working', () => Date.now() > settled);
  daemon.kill('SIGTERM');
  const { code } = await daemon.ended;
  const last = await place.run(['collect']);

  expect([code, last.code, last.stderr]).toEqual([0, 0, '']);
  expect(spooled).toMatch(/^tokentide_spool_points [1-9]\d*$/m);
  const drained = store.writes[before]!.map(({ time }) => time);
  expect(drained).toEqual(drained.toSorted((a, b) => a - b));
  expect(logOf(daemon).map(({ msg }) => msg)).toEqual(
    expect.arrayContaining([
      'the store is not accepting points; they wait in the spool',
      'spooled points written to the store',
    ]),
  );
  expect(sumsOf(store.points())).toEqual(trueSums(vendor, start));
}, 120_000);

test('collect says that points wait, and the next one writes them', async () => {
  const { place, store, vendor, start } = await setUp();
  store.state = 'down';

  const during = await place.run(['collect', '--json']);
  store.state = 'up';
  const after = await place.run(['collect', '--json']);

  expect(during.code).toBe(1);
  expect(during.stderr).toMatch(
    /^\d+ points are waiting in the spool for the store: InfluxDB 2\.x .* HTTP 503.*\n {2}nothing is lost: they are written as soon as the store is available\n$/,
  );
  expect([after.code, after.stderr]).toEqual([0, '']);
  expect(sumsOf(store.points())).toEqual(trueSums(vendor, start));
});

test('a store that never answers does not hold up the end, and nothing is lost', async () => {
  const { place, store, vendor, start } = await setUp();
  store.state = 'silent';
  const daemon = place.start(['run']);
  await until('a write is under way', () => store.refused > 0, { by: daemon });

  const asked = Date.now();
  daemon.kill('SIGTERM');
  const { code } = await daemon.ended;
  const took = Date.now() - asked;
  store.state = 'up';
  await place.run(['collect']);

  expect(code).toBe(0);
  expect(took).toBeLessThan(10_000);
  expect(sumsOf(store.points())).toEqual(trueSums(vendor, start));
});

test('a backfill stops at a store that is down, and resumes from there', async () => {
  const { place, store, vendor, start } = await setUp();
  const command = ['backfill', 'ucloud', '--from', instant(start)];
  store.state = 'down';

  const during = await place.run(command);
  const asked = vendor.simulator.calls.length;
  store.state = 'up';
  const after = await place.run(command);

  expect([during.code, after.code]).toEqual([1, 0]);
  // In the first hours of a day its window has no usage yet, so the store is met at the next one.
  expect([3, 5]).toContain(asked);
  expect(during.stderr).toMatch(
    /\n\d+ points are waiting in the spool for the store: InfluxDB 2\.x .* HTTP 503/,
  );
  expect(after.stderr).toMatch(/^(resuming )?ucloud: /);
  expect(sumsOf(store.points())).toEqual(trueSums(vendor, start));
});
