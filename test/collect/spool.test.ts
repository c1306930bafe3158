import { describe, expect, it } from 'vitest';
import { drain, spool } from '../../src/collect/delivery/deliver.ts';
import { poll } from '../../src/collect/poll/poll.ts';
import { ALL_PARTITIONS } from '../../src/ledger/gaps.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { StoreError } from '../../src/store/store.ts';
import { RECONCILIATION } from '../../src/usage/catalogue.ts';
import type { Point } from '../../src/usage/point.ts';
import { jobContextOf } from '../support/job-context.ts';
import { fakeVendor, type FakeOptions } from '../support/fake-provider.ts';
import { memoryStore } from '../support/memory-store.ts';
import { DAY, eventsOf, fixture, HOUR, MINUTE, START, type Fixture } from './fixture.ts';

const KINDS: [string, FakeOptions][] = [
  ['a series provider', { reads: 'series' }],
  ['a provider of totals', { reads: 'totals' }],
];
const LOOKBACK = DAY;
const USERS = ['ann', 'bob', 'cat', 'dan'];
const signal = new AbortController().signal;

/** Usage of everyone in every hour of a day. */
function busyDay(f: Fixture, day = 0): void {
  for (let hour = 0; hour < 24; hour++) {
    for (const [i, user] of USERS.entries())
      f.use(user, START + day * DAY + hour * HOUR + 10, 100 * hour + i + 1);
  }
}

describe.each(KINDS)('while the store is down, %s', (_, options) => {
  it('spools points and writes them when the store is available again', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK });
    busyDay(f);
    f.store.down = true;
    await f.pollUntil(START + DAY, HOUR);
    expect(f.store.contents.size).toBe(0);
    expect(f.ledger.spool.size()).toBe(24 * USERS.length);

    f.store.down = false;
    await f.pollAfter(MINUTE);

    expect(f.ledger.spool.size()).toBe(0);
    expect(f.stored()).toEqual(f.truth());
    expect(f.ledger.gaps.of('test')).toEqual([]);
  });

  it('keeps spooled points across a restart', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK });
    busyDay(f);
    f.store.down = true;
    await f.pollUntil(START + 5 * HOUR, HOUR);

    f.restart();
    f.store.down = false;
    const { length } = f.vendor.requests;
    await drain(f.context);

    expect(f.stored()).toEqual(f.truth());
    expect(f.vendor.requests.length).toBe(length);
  });

  it.each([10, 50])(
    'spools at most %i points: the oldest buckets become gaps that are filled later',
    async (spoolLimit) => {
      const f = fixture({ ...options, lookback: LOOKBACK, spoolLimit });
      busyDay(f);
      f.store.down = true;
      let most = 0;
      while (f.now < START + DAY) {
        await f.pollAfter(HOUR);
        most = Math.max(most, f.ledger.spool.size());
      }
      expect(most).toBeLessThanOrEqual(spoolLimit);
      const [gap] = f.ledger.gaps.of('test');
      expect(gap).toMatchObject({ partition: ALL_PARTITIONS, kind: 'spool_full', start: START });

      f.store.down = false;
      await f.pollAfter(HOUR);
      await f.pollAfter(HOUR);

      expect(f.stored()).toEqual(f.truth());
      expect(f.ledger.gaps.of('test')).toEqual([]);
    },
  );

  it('turns a read that exceeds the spool into a gap', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, spoolLimit: 10 });
    busyDay(f);
    f.store.down = true;

    await f.pollAfter(DAY);
    f.store.down = false;
    await f.pollAfter(HOUR);
    await f.pollAfter(HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(f.ledger.gaps.of('test')).toEqual([]);
  });

  it('does not request buckets repeatedly that the spool cannot hold', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, spoolLimit: 10 });
    busyDay(f);
    f.store.down = true;
    await f.pollAfter(DAY);

    const { length } = f.vendor.requests;
    await f.pollUntil(START + DAY + HOUR, 5 * MINUTE);

    // The open bucket, twelve times; each of the closed ones a few times at most.
    expect(f.vendor.requests.length - length).toBeLessThan(50);
  });

  it('loses nothing when another job overflows the spool during a read', async () => {
    const f = fixture({ ...options, lookback: LOOKBACK, spoolLimit: 30, batchSize: 2 });
    busyDay(f);
    const other = jobContextOf(f.vendor, f.store, {
      ...options,
      now: () => f.now,
      start: START,
      ledger: f.ledger,
      spoolLimit: 30,
      job: { name: 'other' },
    });
    f.store.down = true;
    let requests = 0;
    f.vendor.before = () => {
      requests += 1;
      const points = Array.from({ length: 8 }, (_, i): Point => ({
        time: START + 365 * DAY,
        tags: { user: `u${requests}-${i}`, bucket: '1h' },
        fields: { input_tokens: 1 },
      }));
      f.ledger.commit(() => spool(other, points));
    };
    await f.pollAfter(DAY);
    await f.pollAfter(HOUR);
    f.vendor.before = () => undefined;

    f.store.down = false;
    await f.pollUntil(START + 3 * DAY, HOUR);

    const times = new Set([...f.truth().keys()].map((key) => Number(key.split(' ')[0])));
    const own = [...f.stored()].filter(([key]) => times.has(Number(key.split(' ')[0])));
    expect(new Map(own)).toEqual(f.truth());
    expect(f.ledger.gaps.of('test')).toEqual([]);
  });
});

describe('a store that failed a write', () => {
  it('gets no writes for 30 seconds, then the next one', async () => {
    const f = fixture({ reads: 'series', lookback: LOOKBACK });
    f.ledger.commit(() =>
      spool(f.context, [{ time: START, tags: { bucket: '1h' }, fields: { input_tokens: 1 } }]),
    );
    f.store.down = true;
    await drain(f.context);
    f.store.down = false;

    f.now += 29;
    expect(await drain(f.context)).toBe(false);
    expect(f.store.written).toBe(0);

    f.now += 1;
    expect(await drain(f.context)).toBe(true);
    expect(f.store.written).toBe(1);
  });

  it('is not reported as down when the write was cancelled by a shutdown', async () => {
    const f = fixture({ reads: 'series', lookback: LOOKBACK });
    busyDay(f);
    f.now = START + HOUR;
    const stopping = new AbortController();
    const write = f.store.write.bind(f.store);
    f.store.write = (points) => {
      stopping.abort();
      const error = new StoreError('unavailable', 'the write was cancelled');
      return Promise.resolve({ accepted: 0, rejected: [], kept: points, error });
    };

    await poll(f.context, { signal: stopping.signal }).catch(() => undefined);

    expect(eventsOf(f, 'store_down')).toEqual([]);
    expect(f.context.outage.until).toBe(0);
    f.store.write = write;
    await f.pollAfter(MINUTE);
    expect(f.stored()).toEqual(f.truth());
  });
});

describe('the spool', () => {
  it('drains the oldest bucket first', async () => {
    const f = fixture({ reads: 'series', lookback: LOOKBACK });
    busyDay(f);
    f.store.down = true;
    await f.pollUntil(START + 5 * HOUR, HOUR);
    const times: number[] = [];
    const write = f.store.write.bind(f.store);
    f.store.write = (points, ...rest) => {
      times.push(...points.map(({ time }) => time));
      return write(points, ...rest);
    };

    f.store.down = false;
    f.now += MINUTE;
    await drain(f.context);

    expect(times.length).toBe(5 * USERS.length);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it('holds only the newest value of a point', async () => {
    const f = fixture({ reads: 'series', lookback: LOOKBACK });
    f.use('ann', START + 10, 100);
    f.use('ann', START + 20, 50, 90 * MINUTE);
    f.store.down = true;
    await f.pollUntil(START + 3 * HOUR, HOUR);

    const waiting = f.ledger.spool.size();
    f.store.down = false;
    await f.pollAfter(MINUTE);

    expect(waiting).toBe(1);
    expect(f.store.written).toBe(1);
    expect(f.stored()).toEqual(f.truth());
  });

  it('keeps the tail of a partly accepted write', async () => {
    const f = fixture({ reads: 'series', lookback: LOOKBACK });
    busyDay(f);
    f.store.down = true;
    await f.pollUntil(START + 5 * HOUR, HOUR);
    f.store.down = false;
    const write = f.store.write.bind(f.store);
    f.store.write = async (points, ...rest) => {
      await write(points.slice(0, 7), ...rest);
      f.store.down = true;
      return { ...(await write(points.slice(7), ...rest)), accepted: 7 };
    };

    f.now += MINUTE;
    const empty = await drain(f.context);

    expect(empty).toBe(false);
    expect(f.ledger.spool.size()).toBe(5 * USERS.length - 7);
    f.store.write = write;
    f.store.down = false;
    await f.pollAfter(HOUR);
    expect(f.stored()).toEqual(f.truth());
  });

  it('counts points that the store rejects while draining', async () => {
    const f = fixture({ reads: 'series', lookback: LOOKBACK });
    busyDay(f);
    f.store.down = true;
    await f.pollUntil(START + 5 * HOUR, HOUR);
    f.store.write = (points) =>
      Promise.resolve({
        accepted: points.length - 3,
        rejected: points.slice(0, 3).map((point) => ({ point, reason: 'too long' })),
        kept: [],
      });

    f.now += MINUTE;
    await drain(f.context);

    expect(eventsOf(f, 'drained')).toEqual([{ type: 'drained', job: 'test', points: 17, rejected: 3 }]);
  });

  it.each([
    ['stays while another process works on its job: that process may be writing a newer value', true, 0],
    ['of a job without a file is delivered by the others', false, 1],
  ])('%s', async (_, isHeld, delivered) => {
    const ledger = openLedger(':memory:');
    const [store, vendor] = [memoryStore(), fakeVendor()];
    const now = START + 3 * HOUR;
    const outage = { until: 0 };
    const [a, b] = ['a', 'b'].map((name) => ({
      ...jobContextOf(vendor, store, {
        reads: 'series',
        now: () => now,
        start: START,
        ledger,
        job: { name },
      }),
      outage,
    }));
    const value = (tokens: number): Point => ({
      time: START,
      tags: { user: 'ann', bucket: '1h' },
      fields: { input_tokens: tokens },
    });
    ledger.commit(() => spool(a!, [value(1)]));
    if (isHeld) ledger.leases.take('job a', 'run 1');

    await drain(b!);

    expect(store.contents.size).toBe(delivered);
    expect(ledger.spool.size('a')).toBe(1 - delivered);
    expect(ledger.leases.take('job a', 'run 2')).toBe(!isHeld);
  });

  it('of another job is no gap when it is a reconciliation that has to go', async () => {
    const f = fixture({ reads: 'series', lookback: LOOKBACK, spoolLimit: 1 });
    const point = (time: number): Point => ({
      time,
      measurement: RECONCILIATION.name,
      tags: { job: 'test' },
      fields: { stored_tokens: 1 },
    });

    f.ledger.commit(() => spool(f.context, [point(START + 17), point(START + 18)]));

    expect(f.ledger.spool.size()).toBe(1);
    expect(f.ledger.gaps.of('test')).toEqual([]);
    expect(eventsOf(f, 'spool_full')).toMatchObject([{ points: 1 }]);
  });

  it('drops whole buckets in the width and zone of their own job, whichever job overflows it', async () => {
    const ledger = openLedger(':memory:');
    const [store, vendor] = [memoryStore(), fakeVendor()];
    vendor.users.add('ann');
    for (let hour = 0; hour < 48; hour++) {
      const time = START + hour * HOUR + 10;
      vendor.uses.push({ time, visibleAt: time, user: 'ann', model: 'm1', tokens: hour + 1 });
    }
    let now = START + 2 * DAY;
    const options = { reads: 'series' as const, now: () => now, start: START, ledger, spoolLimit: 5 };
    const daily = jobContextOf(vendor, store, { ...options, bucket: '1d', job: { name: 'daily' } });
    const hourly = jobContextOf(vendor, store, { ...options, job: { name: 'hourly' } });
    store.down = true;
    await poll(daily, { signal });
    await poll(hourly, { signal });

    const gaps = ledger.gaps.of('daily');
    store.down = false;
    now += HOUR;
    for (const context of [daily, hourly, daily, hourly]) {
      now += HOUR;
      await poll(context, { signal });
    }

    expect(gaps).toMatchObject([{ kind: 'spool_full', start: START, end: START + 2 * DAY }]);
    const days = [...store.contents.values()].filter(({ tags }) => tags.bucket === '1d');
    expect(days.map(({ time, fields }) => [time, fields.input_tokens])).toEqual([
      [START, 300],
      [START + DAY, 876],
    ]);
  });
});
