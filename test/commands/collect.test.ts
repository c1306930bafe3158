import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Job } from '../../src/collect/job.ts';
import { collectCommand } from '../../src/commands/collect.ts';
import { Secret } from '../../src/lib/secret.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import type { Source } from '../../src/providers/provider.ts';
import { acme } from '../config/loading.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { HEALTH } from '../../src/usage/catalogue.ts';
import { parseLine } from '../../src/usage/line-protocol.ts';
import { jobOf } from '../e2e/support/job.ts';
import { sumsOf, storedSums, trueSums } from '../e2e/support/place.ts';
import { anHourAgo, DAY, startVendor } from '../e2e/support/vendor.ts';
import { commandPlace } from './place.ts';

const START = anHourAgo() - DAY;
const USAGE = { start: START, end: anHourAgo() };
/** A job of a provider that answers as `source` says. */
function withSource(name: string, source: Partial<Source>, more: Partial<Job> = {}): Job {
  const connected: Source = {
    reads: 'series',
    batchSize: 10,
    calls: { list: () => 1, read: () => 1 },
    partitions: () => Promise.resolve([{ id: 'a' }]),
    read: () => Promise.resolve({ records: [] }),
    ...source,
  };
  return {
    name,
    provider: { ...acme, baseUrl: () => 'http://127.0.0.1:1', connect: () => connected },
    account: name,
    dataset: 'usage',
    schedule: '*/5 * * * *',
    scheduleZone: 'UTC',
    bucket: '1h',
    zone: 'UTC',
    start: anHourAgo(),
    lookback: DAY,
    options: {},
    rate: acme.rate,
    tagLimits: {},
    ...more,
  };
}

const FAR = 4_102_444_800;
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
    {
      job: 'ucloud',
      windows: expect.any(Number),
      written: 0,
      unchanged: expect.any(Number),
      rejected: 0,
      spooled: 0,
      dropped: {},
      gaps: 0,
    },
  ]);
});

test('stores the number of requests that succeeded and that were denied', async () => {
  const place = commandPlace();
  const vendor = await startVendor('ucloud', USAGE);
  const job = jobOf(vendor, { start: START });
  const options = { ...(job.options as object), private_key: new Secret('wrong') };
  const denied = { ...job, name: 'denied', account: 'b', options };

  await place.run((context) => collectCommand(context, PLAIN), [job, denied]);

  const store = openSqliteStore(join(place.data, 'usage.sqlite'));
  const points = await store.points({ measurement: HEALTH.name, start: 0, end: FAR });
  await store.close();
  const callsOf = (name: string) => points.find(({ tags }) => tags.job === name)?.fields;
  expect(callsOf('ucloud')).toMatchObject({ calls_failed: 0, calls_denied: 0 });
  expect(callsOf('ucloud')?.calls_ok).toBeGreaterThan(0);
  expect(callsOf('denied')).toMatchObject({ calls_ok: 0 });
  expect(callsOf('denied')?.calls_denied).toBeGreaterThan(0);
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

describe('one job', () => {
  test('that throws an unexpected error, and one that has changed, affect no other', async () => {
    const place = commandPlace();
    const good = jobOf(await startVendor('ucloud', USAGE), { start: START });
    const bug = withSource('bug', { partitions: () => Promise.reject(new TypeError('x is undefined')) });
    const changed = withSource('changed', {});
    await place.run((context) => collectCommand(context, PLAIN), [changed]);

    const { code, out, err } = await place.run(
      (context) => collectCommand(context, PLAIN),
      [bug, { ...changed, zone: 'Asia/Shanghai' }, good],
    );

    expect(code).toBe(2);
    expect(err).toMatch(/^the job "changed" has changed: zone was UTC and is now Asia\/Shanghai\n {2}\S/);
    expect(out).toMatch(/\nbug +0 +0 +0 +1\nucloud +\d+ +\d\d+ /);
    expect(out).toMatch(/\nbug: TypeError: x is undefined\n {4}at /);
  });

  test('with a broken file is reported, and the others are collected', async () => {
    const place = commandPlace();
    const issues = [{ file: 'jobs/x.yaml', line: 2, message: 'unknown key "x"' }];
    const good = withSource('good', {});

    const all = await place.run((context) => collectCommand(context, PLAIN), [good], { issues });
    const named = await place.run(
      (context) => collectCommand(context, { ...PLAIN, jobs: ['good'] }),
      [good],
      {
        issues,
      },
    );

    expect([all.code, all.err]).toEqual([2, 'jobs/x.yaml:2: unknown key "x"\n']);
    expect(all.out).toMatch(/\ngood +\d/);
    expect([named.code, named.err]).toEqual([0, '']);
  });
});

test('dropped rows are counted by reason, and losing rows at every poll is a failure', async () => {
  const place = commandPlace();
  const job = withSource('lossy', {
    read: () => Promise.resolve({ records: [], dropped: { outside_window: 2, duplicate: 1 } }),
  });
  await place.run((context) => collectCommand(context, PLAIN), [job]);
  const ledger = openLedger(join(place.data, 'ledger.sqlite'));
  ledger.state.set('lossy', 'dropped', '{"outside_window":{"rows":1,"polls":3}}');
  ledger.counters.add('lossy', 'dropped outside_window', 6);
  ledger.close();

  const { code, out, err } = await place.run((context) => collectCommand(context, PLAIN), [job]);

  expect(code).toBe(1);
  expect(out).toMatch(/\nlossy: rows dropped: \d+ outside_window, \d+ duplicate\n$/);
  expect(err).toMatch(/^lossy: usage is incomplete: rows outside the requested window/);
});

test('a long backlog is announced with its calls and duration, also when piped', async () => {
  const place = commandPlace();
  const clock = { now: START * 1000 + DAY * 1000 };
  const rate = { perSecond: 1, concurrency: 1, source: 'test' };
  const users = Array.from({ length: 40 }, (_, i) => ({ id: `user:${i}` }));
  const job = withSource(
    'slow',
    {
      batchSize: 1,
      partitions: () => Promise.resolve(users),
      read: () => {
        clock.now += 1000;
        return Promise.resolve({ records: [] });
      },
    },
    { rate, start: START - 10 * DAY },
  );

  const { err } = await place.run((context) => collectCommand(context, PLAIN), [job], {
    now: () => clock.now,
  });

  expect(err).toMatch(/^slow: 0 % of the backlog, 0 of 120 calls, about 2 min left\n/);
  expect(err).toMatch(/\nslow: backlog complete: 0 calls, 2 min\n$/);
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

test('a dry run shows no control characters on a terminal, and prints them exactly to a program', async () => {
  const place = commandPlace();
  const model = 'm\u202eevil\u2066';
  const job = withSource('evil', {
    read: ({ window }) =>
      Promise.resolve({ records: [{ time: window.start, tags: { model }, fields: { input_tokens: 1 } }] }),
  });
  const dry: Parameters<typeof place.run>[0] = (context) =>
    collectCommand(context, { ...PLAIN, dryRun: true });

  const shown = await place.run(dry, [job], { terminal: true });
  const piped = await place.run(dry, [job]);

  expect(shown.out).toContain(',model=mevil,');
  expect(piped.out).toContain(`,model=${model},`);
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
