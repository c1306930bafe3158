import { describe, expect, it } from 'vitest';
import { drain } from '../../src/collect/delivery/deliver.ts';
import { discover } from '../../src/collect/poll/partitions.ts';
import { poll } from '../../src/collect/poll/poll.ts';
import { NoTotals, reconcile, record, type FieldComparison } from '../../src/collect/reconcile/reconcile.ts';
import { repair, type UnreportedReason } from '../../src/collect/reconcile/repair.ts';
import { comparableDays } from '../../src/collect/reconcile/days.ts';
import type { Job } from '../../src/collect/job.ts';
import type { Source } from '../../src/providers/provider.ts';
import { RECONCILIATION } from '../../src/usage/catalogue.ts';
import { addFields, sumRecords } from '../../src/usage/aggregate.ts';
import type { Fields } from '../../src/usage/point.ts';
import { bucketStart } from '../../src/windows/calendar.ts';
import { jobContextOf, DAY, HOUR } from '../support/job-context.ts';
import { fakeVendor, stored, truth } from '../support/fake-provider.ts';
import { memoryStore } from '../support/memory-store.ts';

const START = Date.UTC(2026, 9, 1) / 1000;
const NOW = START + 8 * DAY;
const WEEK = { start: START, end: START + 7 * DAY };
const signal = new AbortController().signal;

/** A collected week of usage by two users, from a vendor with totals per user and model. */
async function collected({
  reads = 'series',
  job = {},
}: { reads?: 'series' | 'totals'; job?: Partial<Job> } = {}) {
  const vendor = fakeVendor();
  vendor.users.add('ann').add('bob');
  for (let time = START + 60; time < NOW; time += HOUR) {
    const user = time % (2 * HOUR) < HOUR ? 'ann' : 'bob';
    vendor.uses.push({ time, visibleAt: time, user, model: 'm', tokens: 10 });
  }
  const store = memoryStore();
  const plain = jobContextOf(vendor, store, { reads, job, start: START, now: () => NOW, lookback: DAY });
  const totals: NonNullable<Source['totals']> = async (request) => {
    const { records } = await plain.source.read(request);
    return sumRecords(records.map((one) => ({ ...one, time: bucketStart(one.time, '1d', 'UTC') })));
  };
  const context = { ...plain, source: { ...plain.source, totals } };
  await poll(context, { signal });
  return { vendor, store, plain, context, partitions: await discover(context, signal) };
}

/** Changes a stored point outside the collector. */
function damage(store: ReturnType<typeof memoryStore>, time: number): void {
  const [key, point] = [...store.contents].find(
    ([, { time: t, tags }]) => t === time && tags.user === 'ann',
  )!;
  store.contents.set(key, { ...point, fields: { input_tokens: 1 } });
}

describe('reconcile', () => {
  it('finds stored sums equal to the totals of the provider', async () => {
    const { context, partitions } = await collected();

    const result = await reconcile(context, WEEK, partitions, signal);

    expect(result).toMatchObject({ provider: 1680n, stored: 1680n });
    expect(result.rows).toEqual(
      ['ann', 'bob'].map((user) => ({
        tags: { model: 'm', user },
        provider: 840n,
        stored: 840n,
        difference: 0n,
        fields: [],
      })),
    );
  });

  it('names the user that differs, finds the day, and repairs it by reading it again', async () => {
    const { context, partitions, store, vendor } = await collected();
    const hour = START + 3 * DAY + 4 * HOUR;
    damage(store, hour);
    const equal = ({ difference }: { difference: bigint }) => difference === 0n;

    const before = await reconcile(context, WEEK, partitions, signal);
    const days = before.days.map(({ window }) => window);
    vendor.requests.length = 0;
    await repair(context, days, partitions, { dropUnreported: false, signal });
    const after = await reconcile(context, WEEK, partitions, signal);

    expect(before.rows.filter((row) => !equal(row))).toMatchObject([
      { tags: { user: 'ann' }, difference: -9n },
    ]);
    expect(days).toEqual([{ start: START + 3 * DAY, end: START + 4 * DAY }]);
    expect(vendor.requests[0]).toMatchObject({ start: START + 3 * DAY, end: START + 4 * DAY });
    expect(after.rows.every(equal)).toBe(true);
  });

  it('counts stored usage of a user that the provider does not report', async () => {
    const { context, partitions, store } = await collected();
    const tags = { provider: 'fake', account: 'main', bucket: '1h', user: 'eve', model: 'm' };
    await store.write([{ time: START, tags, fields: { input_tokens: 5 } }]);

    const { rows } = await reconcile(context, WEEK, partitions, signal);

    expect(rows).toContainEqual({
      tags: { model: 'm', user: 'eve' },
      provider: 0n,
      stored: 5n,
      difference: 5n,
      fields: [{ field: 'input_tokens', provider: 0n, stored: 5n }],
    });
  });

  it('keeps its result in the ledger and as a point of its own measurement', async () => {
    const { context, partitions, store } = await collected();
    const result = await reconcile(context, WEEK, partitions, signal);

    await record(context, result, 0);

    expect(context.ledger.reconciliations.of('test')).toMatchObject([{ provider: '1680', differences: 0 }]);
    expect(
      await store.points({ measurement: 'llm_token_reconciliation', start: 0, end: NOW + 1 }),
    ).toMatchObject([
      {
        time: NOW,
        tags: { job: 'test' },
        fields: {
          provider_tokens: 1680,
          stored_tokens: 1680,
          difference: 0,
          from: WEEK.start,
          to: WEEK.end,
        },
      },
    ]);
    expect(await reconcile(context, WEEK, partitions, signal)).toEqual(result);
  });

  it('spools its point while the store is unavailable', async () => {
    const { context, partitions, store } = await collected();
    const result = await reconcile(context, WEEK, partitions, signal);
    store.down = true;

    await record(context, result, 0);
    expect(context.ledger.spool.size()).toBe(1);
    store.down = false;
    await drain({ ...context, outage: { until: 0 } });

    expect(context.ledger.spool.size()).toBe(0);
    const measurement = RECONCILIATION.name;
    expect(await store.points({ measurement, start: 0, end: NOW + 1 })).toMatchObject([
      { time: NOW, tags: { job: 'test' }, fields: { provider_tokens: 1680, stored_tokens: 1680 } },
    ]);
  });

  it('fails with NoTotals if the provider has no totals', async () => {
    const { plain, partitions } = await collected();

    await expect(reconcile(plain, WEEK, partitions, signal)).rejects.toThrow(NoTotals);
  });
});

describe.each<['series' | 'totals', number]>([
  ['series', 1],
  ['totals', 8],
])('usage that moves to another day, from a provider of %s', (reads, calls) => {
  const [from, to] = [START + 2 * DAY + 4 * HOUR + 60, START + 5 * DAY + 6 * HOUR + 60];

  it('is found, although the totals of the range are equal, and repaired', async () => {
    const { context, partitions, store, vendor } = await collected({ reads });
    const index = vendor.uses.findIndex(({ time }) => time === from);
    vendor.uses[index] = { ...vendor.uses[index]!, time: to };
    vendor.requests.length = 0;

    const found = await reconcile(context, WEEK, partitions, signal);
    const asked = vendor.requests.length;
    const windows = found.days.map(({ window }) => window);
    await repair(context, windows, partitions, { dropUnreported: false, signal });

    expect(found.rows.map(({ difference }) => difference)).toEqual([0n, 0n]);
    expect(found.days).toMatchObject([
      { window: { start: START + 2 * DAY }, provider: 230n, stored: 240n },
      { window: { start: START + 5 * DAY }, provider: 250n, stored: 240n },
    ]);
    expect(found.days.map(({ rows }) => rows)).toMatchObject([[{ difference: 10n }], [{ difference: -10n }]]);
    expect(asked).toBe(calls);
    expect((await reconcile(context, WEEK, partitions, signal)).days).toEqual([]);
    expect(stored(store.contents.values())).toEqual(truth(vendor, '1h', 'UTC', NOW));
  });
});

it('only partitions with usage are asked for the totals of days', async () => {
  const { context, vendor } = await collected({ reads: 'totals' });
  for (let idle = 0; idle < 30; idle += 1) vendor.users.add(`idle${idle}`);
  const partitions = await discover(context, signal);
  vendor.requests.length = 0;

  await reconcile(context, WEEK, partitions, signal);

  expect(vendor.requests.map(({ users }) => users)).toEqual([10, 10, 10, 2, ...Array(7).fill(2)]);
});

describe('the days that can be compared', () => {
  const range = { start: START - 10 * DAY, end: START + 8 * DAY };

  it('begin with the first day that was collected completely', async () => {
    const { context } = await collected();
    const late = { ...context, job: { ...context.job, start: START + 2 * HOUR } };
    late.ledger.checkpoints.remove('test', [{ start: 0, end: Infinity }]);

    expect(comparableDays(context, range)).toEqual({
      window: { start: START, end: range.end },
      collectedSince: START,
    });
    expect(comparableDays(late, range)).toMatchObject({ collectedSince: START + DAY });
  });

  it('include those of an earlier backfill', async () => {
    const { context } = await collected();
    const earlier = { start: START - 2 * DAY, end: START, readAt: NOW };
    context.ledger.checkpoints.add('test', earlier, DAY);

    expect(comparableDays(context, range)).toMatchObject({ collectedSince: START - 2 * DAY });
  });

  it('end before those that a store without overwriting holds back', async () => {
    const { context, store } = await collected();
    store.overwrites = false;

    expect(comparableDays(context, { start: START, end: NOW })).toEqual({
      window: { start: START, end: NOW - DAY },
      heldBackSince: NOW - DAY,
    });
    expect(comparableDays(context, { start: NOW - DAY, end: NOW }).window).toEqual({
      start: NOW - DAY,
      end: NOW - DAY,
    });
  });
});

describe('a difference in fields that are no sum of tokens', () => {
  it.each<[string, Fields, FieldComparison[]]>([
    ['requests', { requests: 1000 }, [{ field: 'requests', provider: 4n, stored: 1004n }]],
    [
      'input against output',
      { input_tokens: 7, output_tokens: -7 },
      [
        { field: 'input_tokens', provider: 10n, stored: 17n },
        { field: 'output_tokens', provider: 20n, stored: 13n },
      ],
    ],
  ])('is found: %s', async (_, change, expected) => {
    const { context, partitions, store } = await collected();
    const tags = { user: 'ann', model: 'm' };
    const fields = { input_tokens: 10, output_tokens: 20, requests: 4, total_tokens: 30 };
    const totals = () => Promise.resolve([{ time: START, tags, fields }]);
    const stored = { provider: 'fake', account: 'main', bucket: '1h', ...tags };
    store.contents.clear();
    await store.write([{ time: START, tags: stored, fields: addFields(fields, change) }]);

    const { rows } = await reconcile(
      { ...context, source: { ...context.source, totals } },
      WEEK,
      partitions,
      signal,
    );

    expect(rows).toMatchObject([{ difference: 0n, fields: expected }]);
  });
});

const KINDS: [string, 'series' | 'totals'][] = [
  ['a series provider', 'series'],
  ['a provider of totals', 'totals'],
];

describe.each(KINDS)('usage that only the store has, from %s', (_, reads) => {
  const DAY_3 = { start: START + 3 * DAY, end: START + 4 * DAY };
  const choice = { dropUnreported: false, signal };

  async function withStored(user: string, options: Partial<Job> = {}, time = DAY_3.start + 5 * HOUR) {
    const { context, store, vendor, partitions } = await collected({ reads, job: options });
    const tags = { provider: 'fake', account: 'main', bucket: '1h', user, model: 'other' };
    await store.write([{ time, tags, fields: { input_tokens: 99 } }]);
    const value = () =>
      [...store.contents.values()].find(({ tags: { model } }) => model === 'other')?.fields.input_tokens;
    return { context, store, vendor, partitions, value };
  }

  it('becomes zero when the provider does not report it, also beyond the lookback', async () => {
    const { context, partitions, value } = await withStored('ann');

    const left = await repair(context, [DAY_3], partitions, choice);

    expect([left, value()]).toEqual([[], 0]);
    const { provider, stored } = await reconcile(context, WEEK, partitions, signal);
    expect(stored).toBe(provider);
  });

  it.each<[string, UnreportedReason, string, Partial<Job>]>([
    ["beyond the provider's retention", 'retention', 'ann', { retention: 2 * DAY }],
    ['of a user who is not listed any more', 'not_listed', 'eve', {}],
  ])('stays %s, unless it is dropped explicitly', async (_, reason, user, options) => {
    const { context, partitions, value } = await withStored(user, options);

    const left = await repair(context, [DAY_3], partitions, choice);
    expect(left).toEqual([{ window: DAY_3, reason, points: 1, tokens: 99n }]);
    expect(value()).toBe(99);

    expect(await repair(context, [DAY_3], partitions, { ...choice, dropUnreported: true })).toEqual([]);
    expect(value()).toBe(0);
  });

  it('stays when the provider reports no usage at all on that day, unless it is dropped explicitly', async () => {
    const { context, partitions, vendor, store } = await withStored('ann');
    const others = vendor.uses.filter(({ time }) => time < DAY_3.start || time >= DAY_3.end);
    vendor.uses.splice(0, vendor.uses.length, ...others);
    const onDay = () =>
      [...store.contents.values()].filter(
        ({ time, fields }) => time >= DAY_3.start && time < DAY_3.end && fields.input_tokens !== 0,
      ).length;

    const left = await repair(context, [DAY_3], partitions, choice);
    expect(left).toEqual([{ window: DAY_3, reason: 'whole_day', points: 25, tokens: 339n }]);
    expect(onDay()).toBe(25);

    await repair(context, [DAY_3], partitions, { ...choice, dropUnreported: true });
    expect(onDay()).toBe(0);
  });

  it('is not touched while its partition fails', async () => {
    const { context, partitions, vendor, value } = await withStored('ann');
    vendor.poisoned.add('ann');

    await repair(context, [DAY_3], partitions, { ...choice, dropUnreported: true });

    expect(value()).toBe(99);
  });

  it('becomes zero under the name of an old team', async () => {
    const { context, partitions, store } = await withStored('bob');
    const teams = new Map([['ann', 'blue']]);

    await repair({ ...context, job: { ...context.job, teams } }, [DAY_3], partitions, choice);

    const sums = await store.sums({ ...DAY_3, where: { user: 'ann' }, by: ['team'] });
    expect(sums).toEqual([
      { tags: {}, fields: { input_tokens: 0, tokens: 0 } },
      { tags: { team: 'blue' }, fields: { input_tokens: 120, tokens: 120 } },
    ]);
  });
});
