import { describe, expect, it } from 'vitest';
import {
  admitJob,
  identityOf,
  JobChanged,
  recordedIdentity,
  type StoreIdentity,
} from '../../src/collect/jobs/identity.ts';
import { withJob, type LeaseHolder } from '../../src/collect/jobs/lease.ts';
import type { JobContext } from '../../src/collect/context.ts';
import { dropOld, keepOld, NoCommonBoundary } from '../../src/collect/jobs/migrate.ts';
import { poll } from '../../src/collect/poll/poll.ts';
import type { Job } from '../../src/collect/job.ts';
import { StoreError } from '../../src/store/store.ts';
import type { Point } from '../../src/usage/point.ts';
import { bucketStart } from '../../src/windows/calendar.ts';
import { toLine } from '../../src/usage/line-protocol.ts';
import { jobContextOf, DAY, HOUR } from '../support/job-context.ts';
import { fakeVendor } from '../support/fake-provider.ts';
import { memoryStore } from '../support/memory-store.ts';

const START = Date.UTC(2026, 9, 1) / 1000;
const NOW = START + 3 * DAY + 5 * HOUR + 600;
const signal = new AbortController().signal;

const OPTIONS = { reads: 'series' as const, start: START, lookback: 2 * DAY };

/** Usage with one request an hour, collected in hourly buckets up to `NOW`. */
async function collected({ overwrites = true } = {}) {
  const vendor = fakeVendor();
  vendor.users.add('ann');
  for (let time = START + 60; time < NOW; time += HOUR) {
    vendor.uses.push({ time, visibleAt: time, user: 'ann', model: 'm', tokens: 100 });
  }
  const store = memoryStore();
  store.overwrites = overwrites;
  const options = { ...OPTIONS, now: () => NOW };
  const before = jobContextOf(vendor, store, options);
  before.ledger.jobs.save('test', {
    identity: JSON.stringify(identityOf(before.job, store)),
    clock: 0,
    rangeEnd: undefined,
  });
  await poll(before, { signal });
  const changed = (job: Partial<Job>) =>
    jobContextOf(vendor, store, { ...options, ledger: before.ledger, job });
  const migration = (job: Job) => ({
    ledger: before.ledger,
    store,
    job,
    before: identityOf(before.job, store),
    after: identityOf(job, store),
    now: NOW,
  });
  const tokens = () =>
    [...store.contents.values()].reduce((sum, { fields }) => sum + Number(fields.input_tokens), 0);
  const truth = vendor.uses.reduce((sum, use) => sum + use.tokens, 0);
  return { vendor, before, store, changed, migration, tokens, truth };
}

describe('a job whose settings have changed', () => {
  it.each<[string, Partial<Job>]>([
    ['bucket', { bucket: '1d' }],
    ['zone', { zone: 'Asia/Shanghai' }],
    ['account', { account: 'other' }],
  ])('is refused when its %s differs, with both ways to migrate', async (setting, change) => {
    const { before, store, changed } = await collected();

    const admit = () => admitJob(before.ledger, changed(change).job, store);

    expect(admit).toThrow(JobChanged);
    expect(admit).toThrow(new RegExp(`${setting} was .* and is now`));
  });

  it.each<[string, Partial<Job>]>([
    ['bucket', { bucket: '1d' }],
    ['account', { account: 'other' }],
  ])('keeps the old points and counts nothing twice after a changed %s', async (_, change) => {
    const { changed, migration, tokens, truth, store } = await collected();
    const after = changed(change);

    const from = await keepOld(migration(after.job));
    await poll(after, { signal });

    expect(tokens()).toBe(truth);
    const kinds = [...store.contents.values()].map(({ time, tags }) => [
      tags.bucket,
      tags.account,
      time < from,
    ]);
    expect(kinds.every(([bucket, account, old]) => old === (bucket === '1h' && account === 'main'))).toBe(
      true,
    );
  });

  it.each<[string, Partial<Job>]>([
    ['bucket', { bucket: '1d' }],
    ['zone', { bucket: '1d', zone: 'Asia/Shanghai' }],
    ['account', { account: 'other' }],
  ])('deletes the old points and reads everything again after a changed %s', async (_, change) => {
    const { changed, migration, tokens, truth, store } = await collected();
    const after = changed(change);

    await dropOld(migration(after.job));
    await poll(after, { signal });

    expect(tokens()).toBe(truth);
    expect(new Set([...store.contents.values()].map(({ tags }) => tags.bucket))).toEqual(
      new Set([after.job.bucket]),
    );
  });

  it('reads spooled buckets again when the old points are kept', async () => {
    const { before, changed, migration, tokens, truth, store } = await collected();
    const waiting = [...store.contents.values()].find(({ time }) => time === START + 2 * DAY)!;
    const line = {
      job: 'test',
      time: waiting.time,
      end: waiting.time + HOUR,
      series: 's',
      line: toLine(waiting),
    };
    before.ledger.spool.add([line]);
    for (const [key, { time }] of store.contents) if (time === waiting.time) store.contents.delete(key);
    const after = changed({ bucket: '1d' });

    const from = await keepOld(migration(after.job));
    await poll(after, { signal });

    expect(from).toBe(START + 2 * DAY);
    expect(tokens()).toBe(truth);
  });

  it('cannot keep days that have no common boundary', async () => {
    const { changed, migration } = await collected();
    const days = migration(changed({ bucket: '1d', zone: 'Asia/Shanghai' }).job);

    const kept = keepOld({ ...days, before: { ...days.before, bucket: '1d', zone: 'UTC' } });

    await expect(kept).rejects.toThrow(NoCommonBoundary);
  });
});

describe('a store that deletes nothing and takes each point once', () => {
  it.each<[string, Partial<Job>]>([
    ['account', { account: 'other' }],
    ['bucket', { bucket: '1d' }],
  ])('keeps its points after a changed %s, and nothing is lost or stored twice', async (_, change) => {
    const { vendor, store, before } = await collected({ overwrites: false });
    const closed = bucketStart(NOW, '1h', 'UTC');
    const day = (time: number) => Math.floor(time / DAY);
    const stored = [...store.contents.values()];
    const after = jobContextOf(vendor, store, {
      ...OPTIONS,
      now: () => NOW + 5 * DAY,
      ledger: before.ledger,
      job: change,
    });
    const remove = () => Promise.reject(new StoreError('config', 'cannot delete points'));
    const migration = {
      ledger: before.ledger,
      store: { ...store, deletes: false, remove },
      job: after.job,
      before: identityOf(before.job, store),
      after: identityOf(after.job, store),
      now: NOW,
    };

    const from = await keepOld(migration);
    await poll(after, { signal });

    const points = [...store.contents.values()];
    expect(stored.length).toBeGreaterThan(0);
    expect(points).toEqual(expect.arrayContaining(stored));
    const isOld = ({ tags }: Point) => tags.bucket === '1h' && tags.account === 'main';
    expect(points.every((point) => isOld(point) === point.time < from)).toBe(true);
    const sums = new Map<number, number>();
    for (const { time, fields } of points) {
      sums.set(day(time), (sums.get(day(time)) ?? 0) + Number(fields.input_tokens));
    }
    const truth = new Map<number, number>();
    for (const { time, tokens } of vendor.uses.filter((use) => use.time < closed)) {
      truth.set(day(time), (truth.get(day(time)) ?? 0) + tokens);
    }
    expect(sums.get(day(START))).toBe(truth.get(day(START)));
    expect(sums.get(day(START) + 1)).toBe(truth.get(day(START) + 1));
    expect(sums.get(day(START) + 2)).toBe(truth.get(day(START) + 2));
  });
});

describe('a migrated job', () => {
  it.each([
    ['dropOld', dropOld],
    ['keepOld', keepOld],
  ])('has no gaps or other rows from before: %s', async (_, migrate) => {
    const { before, changed, migration } = await collected();
    const { ledger } = before;
    ledger.gaps.open('test', {
      partition: 'ann',
      start: START,
      end: START + HOUR,
      since: NOW,
      kind: 'refused',
      error: 'unknown member',
      attempts: 3,
      nextTry: NOW + DAY,
      expired: false,
    });

    for (const key of ['backfill', 'failed_partitions', 'dropped', 'teams', 'of a provider'])
      ledger.state.set('test', key, '[]');
    for (const name of ['revisions', 'dropped outside_window']) ledger.counters.add('test', name, 3);
    ledger.allowedValues.add('test', 'user', 'ann');
    ledger.lateness.add('test', 60, 100);

    await migrate(migration(changed({ account: 'other' }).job));

    for (const key of ['backfill', 'discovered', 'failed_partitions', 'dropped', 'teams', 'of a provider'])
      expect([key, ledger.state.get('test', key)]).toEqual([key, undefined]);
    expect(ledger.counters.of('test')).toEqual({});
    expect([...ledger.allowedValues.of('test'), ...ledger.lateness.of('test')]).toEqual([]);
    expect(ledger.jobs.of('test')).toMatchObject({ clock: 0, rangeEnd: undefined });
    expect(ledger.gaps.of('test')).toEqual([]);
    expect(ledger.partitions.of('test').size).toBe(0);
    expect(ledger.lastAnswers.of('test', { start: 0, end: NOW }).size).toBe(0);
    expect(ledger.spool.size('test')).toBe(0);
  });
});

it('a job that keeps its points and its account keeps what was measured about the account', async () => {
  const { before, changed, migration } = await collected();
  const { ledger } = before;
  ledger.allowedValues.add('test', 'user', 'ann');
  ledger.lateness.add('test', 60, 100);

  await keepOld(migration(changed({ bucket: '1d' }).job));

  expect(ledger.allowedValues.of('test')).toEqual([{ tag: 'user', value: 'ann' }]);
  expect(ledger.lateness.of('test')).toContainEqual(expect.objectContaining({ age: 60 }));
});

it('usage that was held back for a store without overwriting is stored after a change of the store', async () => {
  const { before, migration, store, truth, tokens, changed } = await collected({ overwrites: false });
  const other = { ...store, identity: 'another', overwrites: true };
  const held = [...before.ledger.lastAnswers.of('test', { start: 0, end: NOW }).values()].length;
  const after = { ...changed({}), store: other };

  await keepOld({ ...migration(after.job), store: other, after: identityOf(after.job, other) });
  await poll(after, { signal });

  expect(held).toBeGreaterThan(24);
  expect(tokens()).toBe(truth);
});

const holderOf = ({ ledger }: JobContext): LeaseHolder => ({
  ledger,
  owner: 'run 1',
  now: () => NOW,
  sleep: () => Promise.resolve(),
});

describe('a process that still has the old settings after a migration', () => {
  it('cannot poll: nothing is stored under the old settings, and the new ones read everything', async () => {
    const { before, changed, migration, tokens, truth, store } = await collected();
    const after = changed({ account: 'other' });
    await dropOld(migration(after.job));

    const poll1 = withJob(holderOf(before), before, signal, () => poll(before, { signal }));
    await expect(poll1).rejects.toThrow(JobChanged);
    expect(store.contents.size).toBe(0);

    await withJob(holderOf(after), after, signal, () => poll(after, { signal }));
    expect(tokens()).toBe(truth);
    expect(new Set([...store.contents.values()].map(({ tags }) => tags.account))).toEqual(new Set(['other']));
  });

  it('waits for another process that holds the lease, and says so once', async () => {
    const { before } = await collected();
    before.ledger.leases.take('job test', 'run 2');
    const waited: string[] = [];
    let waits = 0;
    const holder: LeaseHolder = {
      ...holderOf(before),
      sleep: async () => {
        if (++waits === 3) before.ledger.leases.release('job test', 'run 2');
      },
      onWait: (other) => void waited.push(other),
    };

    expect(await withJob(holder, before, signal, async () => 'done')).toBe('done');

    expect([waits, waited]).toEqual([3, ['run 2']]);
  });

  it('gives its lease back', async () => {
    const { before, changed, migration } = await collected();
    await dropOld(migration(changed({ account: 'other' }).job));

    await expect(withJob(holderOf(before), before, signal, () => Promise.resolve())).rejects.toThrow(
      JobChanged,
    );

    expect(before.ledger.leases.take('job test', 'run 2')).toBe(true);
  });
});

it('a new store that has its id only since the first points of a poll is recorded by its id after that poll', async () => {
  const { before } = await collected();
  const { ledger, job } = before;
  const address = 'influxdb http://a:8086 usage';
  const store = { ...memoryStore(), identity: address, formerIdentities: [address] };
  ledger.jobs.save('test', {
    identity: JSON.stringify(identityOf(job, store)),
    clock: 0,
    rangeEnd: undefined,
  });

  await withJob(holderOf(before), { ...before, store }, signal, () => {
    store.identity = 'influxdb:1a-2b';
    return Promise.resolve();
  });

  expect(recordedIdentity(ledger, 'test')?.store).toBe('influxdb:1a-2b');
});

describe('the store of a job', () => {
  const FORMER = 'influxdb http://a:8086 usage';

  async function admitted(recorded: string, now: StoreIdentity) {
    const { before } = await collected();
    const { job, ledger } = before;
    const identity = (store: string) => JSON.stringify({ ...identityOf(job, now), store });
    ledger.jobs.save('test', { identity: identity(recorded), clock: 7, rangeEnd: 'inclusive' });
    admitJob(ledger, job, now);
    expect(ledger.jobs.of('test')).toMatchObject({ clock: 7, rangeEnd: 'inclusive' });
    return recordedIdentity(ledger, 'test')?.store;
  }

  it.each<[string, string, StoreIdentity, string]>([
    [
      'has its id recorded in place of a path',
      'sqlite:/old/usage.sqlite',
      { identity: 'sqlite:1a-2b' },
      'sqlite:1a-2b',
    ],
    [
      'has its id recorded in place of a Windows path',
      'sqlite:C:\\data\\usage.sqlite',
      { identity: 'sqlite:1a-2b' },
      'sqlite:1a-2b',
    ],
    [
      'has its id recorded in place of an address',
      FORMER,
      { identity: 'influxdb:1a-2b', formerIdentities: [FORMER] },
      'influxdb:1a-2b',
    ],
    [
      'is the same under another host name',
      'influxdb:1a-2b',
      { identity: 'influxdb:1a-2b', formerIdentities: ['influxdb http://b:8086 usage'] },
      'influxdb:1a-2b',
    ],
    [
      'is the recorded one while its server is down',
      'influxdb:1a-2b',
      { identity: FORMER },
      'influxdb:1a-2b',
    ],
    [
      'is the recorded one while its server is down (VictoriaMetrics)',
      'influxdb:1a-2b',
      { identity: 'victoriametrics http://a:8428' },
      'influxdb:1a-2b',
    ],
  ])('%s', async (_, recorded, now, expected) => {
    expect(await admitted(recorded, now)).toBe(expected);
  });

  it.each<[string, string, StoreIdentity]>([
    ['another id', 'sqlite:1a-2b', { identity: 'sqlite:3c-4d' }],
    ['another kind of store', 'sqlite:/a/usage.sqlite', { identity: FORMER }],
    ['another kind of store with an id', 'influxdb:1a-2b', { identity: 'sqlite:1a-2b' }],
    ['another address, both without an id', FORMER, { identity: 'influxdb http://b:8086 usage' }],
    [
      'another address than the recorded one',
      FORMER,
      { identity: 'influxdb:1a-2b', formerIdentities: ['influxdb http://b:8086 usage'] },
    ],
  ])('has changed with %s', async (_, recorded, now) => {
    await expect(admitted(recorded, now)).rejects.toThrow(JobChanged);
  });
});
