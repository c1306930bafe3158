import { describe, expect, it, onTestFinished } from 'vitest';
import { jobStatus } from '../../src/collect/status/status.ts';
import { ALL_PARTITIONS } from '../../src/ledger/gaps.ts';
import type { FakeOptions } from '../support/fake-provider.ts';
import { openTestStore } from '../support/influx-store.ts';
import { describeWith, startVictoriaMetrics } from '../support/servers.ts';
import { DAY, eventsOf, fixture, HOUR, MINUTE, START, type Fixture } from './fixture.ts';

const KINDS: [string, FakeOptions][] = [
  ['a series provider', { reads: 'series', batchSize: 4 }],
  ['a provider of totals', { reads: 'totals', batchSize: 4 }],
];
const LOOKBACK = DAY;

/** A store that takes each point once; its stand-in throws when a point comes a second time. */
function writeOnce(options: FakeOptions & { spoolLimit?: number }): Fixture {
  const f = fixture({ ...options, lookback: LOOKBACK });
  f.store.overwrites = false;
  return f;
}

function useAll(f: Fixture, days: number, late = 3 * HOUR): void {
  for (let hour = 0; hour < days * 24; hour += 3) {
    for (const user of ['ann', 'bob']) f.use(user, START + hour * HOUR + 10, hour + 1, hour % 2 ? late : 0);
  }
}

/** What is settled by now: what a store that takes each point once should hold. */
function settled(f: Fixture): Map<string, number> {
  return new Map([...f.truth()].filter(([key]) => Number(key.split(' ')[0]) < f.now - LOOKBACK - HOUR));
}

describe.each(KINDS)('a store that cannot overwrite, with %s', (_, options) => {
  it('receives each point exactly once, when its bucket is final', async () => {
    const f = writeOnce(options);
    useAll(f, 5);

    await f.pollUntil(START + 5 * DAY + LOOKBACK + 2 * HOUR, HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(f.store.written).toBe(f.truth().size);
  });

  it('holds no point of a bucket that may still change', async () => {
    const f = writeOnce(options);
    useAll(f, 3);

    await f.pollUntil(START + 2 * DAY, 20 * MINUTE);

    const times = [...f.store.contents.values()].map(({ time }) => time);
    expect(Math.max(...times)).toBeLessThan(f.now - LOOKBACK);
    expect(f.stored()).toEqual(settled(f));
  });

  it('receives each point once through restarts, outages and a backlog', async () => {
    const f = writeOnce(options);
    useAll(f, 12);
    await f.pollUntil(START + 2 * DAY, HOUR);
    f.store.down = true;
    await f.pollUntil(START + 3 * DAY, HOUR);
    f.restart();
    f.store.down = false;
    await f.pollUntil(START + 4 * DAY, HOUR);
    f.vendor.down = true;
    await f.pollUntil(START + 6 * DAY, HOUR);
    f.vendor.down = false;
    f.restart();
    await f.pollAfter(4 * DAY);

    await f.pollUntil(START + 14 * DAY, HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(f.store.written).toBe(f.truth().size);
  });

  it('receives the points of a member whose gap is filled late, and no others again', async () => {
    const f = writeOnce(options);
    useAll(f, 3);
    f.vendor.poisoned.add('bob');
    await f.pollUntil(START + 3 * DAY, HOUR);
    f.vendor.poisoned.delete('bob');

    await f.pollUntil(START + 5 * DAY, HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(f.store.written).toBe(f.truth().size);
    expect(f.ledger.gaps.of('test').filter(({ partition }) => partition !== ALL_PARTITIONS)).toEqual([]);
  });

  it('receives each point once when users change teams, with the team at the time it becomes final', async () => {
    const f = writeOnce(options);
    useAll(f, 4);
    await f.pollUntil(START + 2 * DAY, HOUR);
    const teams = new Map([['ann', 'red']]);
    f.context = { ...f.context, job: { ...f.context.job, teams } };

    await f.pollUntil(START + 6 * DAY, HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(f.store.written).toBe(f.truth().size);
  });

  it('is reported with its newest bucket and the number of points that are held back', async () => {
    const f = writeOnce(options);
    useAll(f, 4);
    await f.pollUntil(START + 4 * DAY, HOUR);
    const sent = f.store.written;

    const status = jobStatus(f.ledger, f.context.job, f.now);

    expect(status).toMatchObject({
      heldBack: f.ledger.lastAnswers.of('test', { start: 0, end: Infinity }).size,
      storedUntil: START + 4 * DAY - LOOKBACK,
      readUntil: START + 4 * DAY,
    });
    expect([sent > 0, status.heldBack > 0]).toEqual([true, true]);
  });

  it('receives old buckets immediately', async () => {
    const f = writeOnce(options);
    useAll(f, 5);

    await f.pollAfter(8 * DAY);

    expect(f.stored()).toEqual(f.truth());
    expect(f.store.written).toBe(f.truth().size);
  });

  it('receives each point once when the spool overflows', async () => {
    const f = writeOnce({ ...options, spoolLimit: 6 });
    useAll(f, 4);
    await f.pollUntil(START + 2 * DAY, HOUR);
    f.store.down = true;
    await f.pollUntil(START + 4 * DAY, HOUR);
    f.store.down = false;

    await f.pollUntil(START + 7 * DAY, HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(f.store.written).toBe(f.truth().size);
    expect(f.ledger.gaps.of('test')).toEqual([]);
  });

  it('makes the events count the points that it takes, rejects and keeps', async () => {
    const f = writeOnce(options);
    useAll(f, 4);
    const write = f.store.write.bind(f.store);
    let refused: number | undefined;
    f.store.write = async (points, signal) => {
      refused ??= points[0]?.time;
      const [bad, good] = [true, false].map((isBad) =>
        points.filter(({ time }) => (time === refused) === isBad),
      );
      const result = await write(good!, signal);
      return { ...result, rejected: bad!.map((point) => ({ point, reason: 'refused' })) };
    };

    await f.pollUntil(START + 4 * DAY + LOOKBACK + 2 * HOUR, HOUR);

    const sum = (of: 'points' | 'rejected' | 'kept'): number =>
      eventsOf(f, 'written').reduce((total, event) => total + event[of], 0);
    expect(sum('points')).toBe(f.store.written);
    expect(sum('points')).toBeGreaterThan(50);
    expect(sum('rejected')).toBe(f.truth().size - f.store.written);
    expect(sum('rejected')).toBeGreaterThan(0);
  });

  it('receives what was held back when a relative start has moved past it', async () => {
    const f = writeOnce(options);
    useAll(f, 2, 0);
    await f.pollUntil(START + 2 * DAY, HOUR);
    const moved = START + 4 * DAY;
    f.context = { ...f.context, job: { ...f.context.job, start: moved } };
    f.now = moved + 2 * DAY;

    await f.pollAfter(HOUR);

    expect(f.stored()).toEqual(f.truth());
    expect(f.ledger.lastAnswers.of('test', { start: 0, end: moved }).size).toBe(0);
  });

  it('publishes what it held back once the store overwrites, though no answer changes', async () => {
    const f = writeOnce(options);
    useAll(f, 2, 0);
    await f.pollUntil(START + 2 * DAY, HOUR);
    f.restart();
    f.store.overwrites = true;

    await f.pollAfter(MINUTE);

    expect(f.stored()).toEqual(f.truth());
    expect(eventsOf(f, 'written').reduce((total, event) => total + event.points, 0)).toBe(16);
    const written = f.store.written;
    await f.pollAfter(MINUTE);
    expect(f.store.written).toBe(written);
  });

  it('publishes what it held back after an outage that follows the change', async () => {
    const f = writeOnce(options);
    useAll(f, 2, 0);
    await f.pollUntil(START + 2 * DAY, HOUR);
    f.store.overwrites = true;
    f.store.down = true;
    await f.pollAfter(MINUTE);
    f.store.down = false;

    await f.pollAfter(MINUTE);

    expect(f.stored()).toEqual(f.truth());
  });

  it.each([2, 6, 10, 11])(
    'loses nothing when the store overwrites from request %i of a poll on',
    async (from) => {
      const f = writeOnce({ ...options, batchSize: 1 });
      useAll(f, 2, 0);
      f.now = START + 4 * DAY;
      let requests = 0;
      f.vendor.before = () => void (f.store.overwrites ||= ++requests === from);

      await f.pollAfter(HOUR);
      await f.pollAfter(HOUR);

      expect(f.store.overwrites).toBe(true);
      expect(f.stored()).toEqual(f.truth());
    },
  );

  it('moves users to their current teams once the store overwrites', async () => {
    const f = writeOnce(options);
    f.store.overwrites = true;
    useAll(f, 2, 0);
    await f.pollUntil(START + DAY, HOUR);
    f.store.overwrites = false;
    const teams = new Map([['ann', 'red']]);
    f.context = { ...f.context, job: { ...f.context.job, teams } };
    await f.pollAfter(HOUR);
    f.store.overwrites = true;

    await f.pollAfter(MINUTE);

    expect(f.stored()).toEqual(f.truth());
    const sums = await f.store.sums({ start: START, end: f.now, where: { user: 'ann' }, by: ['team'] });
    expect(sums.find(({ tags }) => tags.team === undefined)?.fields.tokens).toBe(0);
  });
});

describe('a store whose server is down at the start', () => {
  it('receives each growing point as it is now, once the server says that it overwrites', async () => {
    const f = writeOnce({ reads: 'series', batchSize: 4 });
    useAll(f, 1, 0);
    f.store.down = true;
    const write = f.store.write.bind(f.store);
    f.store.write = async (points, signal) => {
      // What the server can do is known at the first answer.
      f.store.overwrites ||= !f.store.down;
      return write(points, signal);
    };
    await f.pollUntil(START + 12 * HOUR, HOUR);
    expect(f.ledger.spool.size()).toBe(0);
    f.store.down = false;

    await f.pollAfter(MINUTE);

    expect(f.stored()).toEqual(f.truth());
    expect(f.stored().size).toBeGreaterThan(0);
    expect(f.store.written).toBe(f.store.contents.size);
  });
});

describeWith(
  'victoria-metrics',
  'a real VictoriaMetrics that adds points up and is down at the start',
  () => {
    it('receives each point once', async () => {
      const server = await startVictoriaMetrics({ settings: ['-retentionPeriod=100y'] });
      onTestFinished(() => server.close());
      await server.stop();
      const { store } = await openTestStore({ url: server.url, version: 'victoriametrics' });
      const f = fixture({ reads: 'series', lookback: LOOKBACK });
      f.context = { ...f.context, store };
      useAll(f, 2);

      await f.pollUntil(START + 12 * HOUR, HOUR);
      await server.start();
      await f.pollUntil(START + 4 * DAY, 3 * HOUR);

      await fetch(`${server.url}/internal/force_flush`);
      const query = `match[]={__name__="llm_token_usage_input_tokens"}&start=0&end=${f.now}`;
      const text = await (await fetch(`${server.url}/api/v1/export?${query}`)).text();
      const times = text
        .split('\n')
        .filter(Boolean)
        .flatMap((line) => (JSON.parse(line) as { timestamps: number[] }).timestamps);
      expect(times.length).toBe(f.truth().size);
      const [sum] = await store.sums({ start: START, end: f.now, by: [] });
      expect(sum?.fields.input_tokens).toBe(
        [...f.truth().values()].reduce((total, tokens) => total + tokens, 0),
      );
    });
  },
);
