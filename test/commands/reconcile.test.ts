import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Job } from '../../src/collect/job.ts';
import { collectCommand } from '../../src/commands/collect.ts';
import { reconcileCommand, type ReconcileArguments } from '../../src/commands/reconcile.ts';
import { Secret } from '../../src/lib/secret.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { addFields } from '../../src/usage/aggregate.ts';
import type { Point } from '../../src/usage/point.ts';
import { seriesKey } from '../../src/usage/series.ts';
import { bucketStart } from '../../src/windows/calendar.ts';
import { jobOf } from '../e2e/support/job.ts';
import { anHourAgo, DAY, startVendor, type VendorId } from '../e2e/support/vendor.ts';
import { commandPlace, type CommandPlace } from './place.ts';

const ZONE = 'Asia/Shanghai';
const START = bucketStart(anHourAgo(), '1d', ZONE) - 2 * DAY;
const reconcile =
  (more: Partial<ReconcileArguments> = {}) =>
  (context: Parameters<typeof reconcileCommand>[0]) =>
    reconcileCommand(context, { fix: false, dropUnreported: false, tolerance: 0, json: false, ...more });

async function collected(id: VendorId): Promise<{ place: CommandPlace; job: Job }> {
  const place = commandPlace();
  const job = jobOf(await startVendor(id, { start: START, end: anHourAgo() }), { start: START, zone: ZONE });
  await place.run((context) => collectCommand(context, { jobs: [], dryRun: false, json: false }), [job]);
  return { place, job };
}

/** Adds tokens to a stored point outside the collector. */
async function tamper({ data }: CommandPlace, tokens: number): Promise<void> {
  const store = openSqliteStore(join(data, 'usage.sqlite'));
  const [point] = await store.points({ start: START, end: START + 2 * DAY });
  const { input_tokens = 0, total_tokens } = point!.fields;
  const fields = {
    ...point!.fields,
    input_tokens: Number(input_tokens) + tokens,
    ...(total_tokens !== undefined && { total_tokens: Number(total_tokens) + tokens }),
  };
  await store.write([{ ...point!, fields }]);
  await store.close();
}

test.each(['trae', 'ucloud', 'sigcal', 'volcengine-ark'] as const)(
  '%s: stored sums equal its totals',
  async (id) => {
    const { place, job } = await collected(id);

    const { code, out, err } = await place.run(reconcile(), [job]);

    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(new RegExp(`^${id}: 20.* 00:00 to 20.* 00:00 Asia/Shanghai: equal\\n`));
  },
);

test.each(['trae', 'ucloud', 'volcengine-ark'] as const)(
  '%s: a difference is reported, compared with the tolerance, and repaired',
  async (id) => {
    const { place, job } = await collected(id);
    await tamper(place, 7);

    const found = await place.run(reconcile(), [job]);
    const tolerated = await place.run(reconcile({ tolerance: 5 }), [job]);
    const mended = await place.run(reconcile({ fix: true, json: true }), [job]);
    const after = await place.run(reconcile(), [job]);

    expect([found.code, tolerated.code, mended.code, after.code]).toEqual([1, 0, 0, 0]);
    expect(found.out).toMatch(/: 1 of \d+ differ\n/);
    expect(found.out).toMatch(/ 7\n/);
    expect(JSON.parse(mended.out)).toMatchObject([{ job: id, reconciled: { rows: expect.any(Array) } }]);
    expect(after.out).toMatch(/: equal\n/);
  },
);

test.each(['ucloud', 'sigcal'] as const)(
  '%s: each field of its totals is compared and repaired',
  async (id) => {
    const { place, job } = await collected(id);
    const store = openSqliteStore(join(place.data, 'usage.sqlite'));
    const [point] = await store.points({ start: START, end: START + 2 * DAY });
    const { input_tokens = 0, output_tokens = 0 } = point!.fields;
    const fields = { input_tokens: Number(input_tokens) + 7, output_tokens: Number(output_tokens) - 7 };
    await store.write([{ ...point!, fields }]);
    await store.close();

    const found = await place.run(reconcile(), [job]);
    const fixed = await place.run(reconcile({ fix: true }), [job]);

    expect([found.code, fixed.code]).toEqual([1, 0]);
    expect(found.out).toMatch(/ 0 {2}input_tokens \+7, output_tokens -7\n/);
  },
);

test.each(['trae', 'ucloud', 'volcengine-ark'] as const)(
  '%s: usage stored on another day is reported and repaired, although the range has the same total',
  async (id) => {
    const { place, job } = await collected(id);
    const store = openSqliteStore(join(place.data, 'usage.sqlite'));
    const points = await store.points({ start: START, end: START + 2 * DAY });
    const ofDay = (point: Point): number => bucketStart(point.time, '1d', ZONE);
    const [a, b] = points
      .flatMap((one) => points.map((other) => [one, other] as const))
      .find(([one, other]) => seriesKey(one.tags) === seriesKey(other.tags) && ofDay(one) < ofDay(other))!;
    const change = (point: Point, tokens: number): Point => {
      const fields = addFields(point.fields, { input_tokens: tokens });
      return {
        ...point,
        fields: point.fields.total_tokens ? addFields(fields, { total_tokens: tokens }) : fields,
      };
    };
    await store.write([change(a, 7), change(b, -7)]);
    await store.close();

    const found = await place.run(reconcile(), [job]);
    const machine = await place.run(reconcile({ json: true }), [job]);
    const fixed = await place.run(reconcile({ fix: true }), [job]);

    expect([found.code, machine.code, fixed.code]).toEqual([1, 1, 0]);
    expect(found.out).toMatch(/: equal over the range, but not on each day\n/);
    expect(found.out.match(/^20[0-9-]+ +1 .* -?7\n/gm)).toHaveLength(2);
    const [result] = JSON.parse(machine.out) as { reconciled: { days: object[] } }[];
    expect(result!.reconciled.days).toMatchObject([{ rows: [{}] }, { rows: [{}] }]);
    expect(fixed.out).toMatch(/: equal\n/);
  },
);

test('a provider that refuses is named, and the other jobs are reconciled', async () => {
  const { place, job } = await collected('ucloud');
  const refused = {
    ...job,
    name: 'another',
    account: 'b',
    options: { ...(job.options as object), private_key: new Secret('wrong') },
  };

  const { code, out, err } = await place.run(reconcile(), [refused, job]);
  const machine = await place.run(reconcile({ json: true }), [refused, job]);

  expect([code, machine.code]).toEqual([1, 1]);
  expect(err).toMatch(/^another: credentials: .*RetCode 171.*\n {2}\S/);
  expect(out).toMatch(/^ucloud: .*: equal\n/);
  expect(JSON.parse(machine.out)).toMatchObject([
    { job: 'another', error: { kind: 'credentials', message: expect.any(String), hint: expect.any(String) } },
    { job: 'ucloud', reconciled: { rows: expect.any(Array) } },
  ]);
});

test('days before the start of the job are left out, with a note', async () => {
  const { place, job } = await collected('ucloud');

  const { code, out } = await place.run(reconcile({ from: '10d' }), [job]);

  expect(code).toBe(0);
  expect(out).toMatch(/\nucloud: days before 20[0-9-]+ are left out: the job collects since then\n$/);
});

test('the totals of a whole account have a label', async () => {
  const { place, job } = await collected('ucloud');
  const connect: typeof job.provider.connect = (...args) => {
    const source = job.provider.connect(...args);
    const totals: typeof source.totals = async (request) =>
      (await source.totals!(request))?.map((total) => ({ ...total, tags: {} }));
    return { ...source, totals };
  };

  const { code, out } = await place.run(reconcile(), [{ ...job, provider: { ...job.provider, connect } }]);

  expect(code).toBe(0);
  expect(out).toMatch(/^ucloud: .*: equal\n +provider +stored +difference\nall +[\d,]+ +[\d,]+ +0\n$/);
});

test('an error in another job file is reported, and the sound jobs are reconciled', async () => {
  const { place, job } = await collected('ucloud');
  const issues = [{ file: 'jobs/trae.yaml', message: 'unknown key "shedule"', hint: undefined }];

  const { code, out, err } = await place.run(reconcile(), [job], { issues });
  const named = await place.run(reconcile({ job: 'ucloud' }), [job], { issues });

  expect([code, named.code]).toEqual([2, 0]);
  expect(out).toMatch(/^ucloud: .*: equal\n/);
  expect([err, named.err]).toEqual([expect.stringContaining('jobs/trae.yaml: unknown key "shedule"'), '']);
});
