import { describe, expect, it } from 'vitest';
import { countCall } from '../../src/collect/context.ts';
import { poll } from '../../src/collect/poll/poll.ts';
import { pollWithHealth } from '../../src/collect/status/health.ts';
import { StoreError, type Store } from '../../src/store/store.ts';
import type { Point } from '../../src/usage/point.ts';
import { DAY, fixture, HOUR, START, type Fixture } from './fixture.ts';

const { signal } = new AbortController();

function watched(f: Fixture, store: Store = f.store): ReturnType<typeof poll> {
  return pollWithHealth({ ...f.context, store }, signal, (context) => poll(context, { signal }));
}

/** A store that treats points of health in its own way. */
function storeWith(f: Fixture, writeHealth: Store['write']): Store {
  return {
    ...f.store,
    write: (points, limit) =>
      points[0]?.measurement === undefined ? f.store.write(points, limit) : writeHealth(points, limit),
  };
}

const health = (f: Fixture): Point[] => [...f.store.others.values()];

describe('after a poll', () => {
  it('its result and the state of the job are one point in the store', async () => {
    const f = fixture({ reads: 'series', lookback: 2 * HOUR });
    f.use('ann', START + 10, 100);
    f.use('bob', START + 10, 7, 90 * 60);
    f.now = START + HOUR + 60;
    await watched(f);
    f.now = START + 4 * HOUR + 60;

    const report = await watched(f);

    expect(report.error).toBeUndefined();
    expect(health(f).at(-1)).toEqual({
      measurement: 'llm_collector_health',
      time: f.now,
      tags: { provider: 'fake', account: 'main', job: 'test' },
      fields: {
        polls_ok: 1,
        polls_failed: 0,
        calls_ok: 0,
        calls_failed: 0,
        calls_denied: 0,
        data_age_seconds: 60,
        final_until: START + 2 * HOUR,
        bucket_seconds: 3600,
        backlog_buckets: 0,
        gaps_open: 0,
        gaps_expired: 0,
        written_points: 1,
        rejected_points: 0,
        dropped_rows: 0,
        revisions: 1,
        mismatches: 0,
        lookback_seconds: 2 * HOUR,
        held_back_points: 0,
        spool_points: 0,
      },
    });
    expect(f.stored()).toEqual(f.truth());
  });

  it('the point has the requests of this poll only, and those that were denied', async () => {
    const f = fixture({ reads: 'series' });
    f.now = START + HOUR + 60;
    const answering = (...results: Parameters<typeof countCall>[1][]): Promise<unknown> =>
      pollWithHealth(f.context, signal, () => {
        f.now += 1;
        for (const result of results) countCall(f.context.calls, result);
        return Promise.resolve({});
      });

    await answering('ok', 'ok', 'unavailable');
    await answering('ok', 'credentials', 'permission');

    expect(health(f)).toMatchObject([
      { fields: { calls_ok: 2, calls_failed: 1, calls_denied: 0 } },
      { fields: { calls_ok: 1, calls_failed: 2, calls_denied: 2 } },
    ]);
  });

  it('the point has the measured lateness once it is significant', async () => {
    const f = fixture({ reads: 'series', lookback: DAY });
    f.now = START + 2 * HOUR;
    f.ledger.lateness.add('test', 600, 9_999);
    await watched(f);
    f.ledger.lateness.add('test', 7200, 90_000);
    f.now += 60;

    await watched(f);

    expect(health(f).map(({ fields }) => fields.lookback_advice_seconds)).toEqual([undefined, 7200]);
  });

  it('that failed the point says so, and that a window is missing', async () => {
    const f = fixture({ reads: 'series' });
    await f.pollAfter(2 * HOUR);
    f.vendor.down = true;
    f.now += 2 * HOUR;

    const report = await watched(f);

    expect(report.error).toBeDefined();
    expect(health(f)).toMatchObject([
      { fields: { polls_ok: 0, polls_failed: 1, gaps_open: 1, data_age_seconds: 2 * HOUR } },
    ]);
  });

  it('that threw the point is written, and the error passed on', async () => {
    const f = fixture({ reads: 'series' });

    await expect(
      pollWithHealth(f.context, signal, () => Promise.reject(new Error('unforeseen'))),
    ).rejects.toThrow('unforeseen');

    expect(health(f)).toMatchObject([{ fields: { polls_failed: 1 } }]);
  });

  it('that was cancelled nothing is written', async () => {
    const f = fixture({ reads: 'series' });
    const controller = new AbortController();

    await pollWithHealth(f.context, controller.signal, () => {
      controller.abort();
      return Promise.resolve({});
    });

    expect(health(f)).toEqual([]);
  });

  it.each<[string, Store['write']]>([
    ['keeps', (points) => Promise.resolve({ accepted: 0, rejected: [], kept: points, error: down() })],
    ['refuses', (points) => Promise.resolve({ accepted: 0, rejected: rejected(points), kept: [] })],
    ['throws at', () => Promise.reject(new Error('unforeseen'))],
  ])('a store that %s the point changes nothing else', async (_, writeHealth) => {
    const f = fixture({ reads: 'series' });
    f.use('ann', START + 10, 100);
    f.now = START + 2 * HOUR;

    const report = await watched(f, storeWith(f, writeHealth));

    expect(report.error).toBeUndefined();
    expect(f.ledger.spool.size()).toBe(0);
    expect(f.context.outage.until).toBe(0);
    expect(f.stored()).toEqual(f.truth());
  });

  it('while the store is down it is not asked, and only usage waits', async () => {
    const f = fixture({ reads: 'series' });
    f.use('ann', START + 10, 100);
    f.now = START + 2 * HOUR;
    f.store.down = true;
    let asked = 0;
    const store = storeWith(f, () => {
      asked++;
      throw down();
    });

    await watched(f, store);

    expect(asked).toBe(0);
    expect(f.ledger.spool.size()).toBe(1);
  });

  it('jobs that take a bucket once get a point for each poll', async () => {
    const f = fixture({ reads: 'series', lookback: DAY });
    f.store.overwrites = false;
    f.use('ann', START + 10, 100);
    for (let i = 1; i <= 3; i++) {
      f.now = START + i * HOUR;
      await watched(f);
    }

    expect(health(f).map(({ time }) => time)).toEqual([START + HOUR, START + 2 * HOUR, START + 3 * HOUR]);
  });
});

function down(): StoreError {
  return new StoreError('unavailable', 'the store is down');
}

function rejected(points: readonly Point[]): { point: Point; reason: string }[] {
  return points.map((point) => ({ point, reason: 'field type conflict' }));
}
