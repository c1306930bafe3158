import { beforeEach, expect, it } from 'vitest';
import { trackFills, type FillReport } from '../../src/collect/status/fill-progress.ts';
import { fakeVendor } from '../support/fake-provider.ts';
import { DAY, jobContextOf, type Bench } from '../support/job-context.ts';
import { memoryStore } from '../support/memory-store.ts';

let clock: number;
let reports: FillReport[];

beforeEach(() => {
  clock = 100 * DAY;
  reports = [];
});

/** A job that may make one request per second. */
function slowJob(reads: 'series' | 'totals'): Bench {
  const options = { reads, now: () => clock, start: 70 * DAY };
  const rate = { perSecond: 1, concurrency: 1, source: 'test' };
  return jobContextOf(fakeVendor(), memoryStore(), { ...options, job: { rate } });
}

function track(context: Bench): ReturnType<typeof trackFills> {
  return trackFills({
    now: () => clock,
    everySeconds: 10,
    contextOf: () => context,
    report: (report) => reports.push(report),
  });
}

const partitions = (count: number): { id: string }[] =>
  Array.from({ length: count }, (_, i) => ({ id: `user:${i}` }));

const planned = (days: number, members = 1) => ({
  type: 'planned' as const,
  job: 'test',
  windows: [{ start: (100 - days) * DAY, end: 100 * DAY }],
  partitions: partitions(members),
});

it('announces a long backlog with its calls and time at the rate limit', () => {
  track(slowJob('totals')).onEvent(planned(30));

  expect(reports).toEqual([
    {
      state: 'started',
      job: 'test',
      calls: 0,
      leastCalls: 1,
      mostCalls: 720,
      share: 0,
      elapsed: 0,
      left: 720,
    },
  ]);
});

it('says nothing about a short backlog', () => {
  const fills = track(slowJob('series'));

  fills.onEvent(planned(1));
  fills.onCall('test');
  fills.onPollEnd('test', 0);

  expect(reports).toEqual([]);
});

it('reports at most every 10 s, with the share done and the time left', () => {
  const fills = track(slowJob('totals'));
  fills.onEvent(planned(30));

  for (let call = 0; call < 25; call++) {
    clock += 2;
    fills.onCall('test');
  }

  expect(reports.map(({ state, calls }) => `${state} ${calls}`)).toEqual([
    'started 0',
    'running 5',
    'running 10',
    'running 15',
    'running 20',
    'running 25',
  ]);
  // 25 of 720 calls in 50 s: the provider is slower than its rate limit.
  expect(reports.at(-1)).toMatchObject({ elapsed: 50, left: expect.closeTo(1390, 0) as number });
});

it('spans polls, and is complete when nothing is left', () => {
  const fills = track(slowJob('totals'));
  fills.onEvent(planned(30));

  fills.onPollEnd('test', 3);
  fills.onEvent(planned(20));
  clock += 60;
  fills.onPollEnd('test', 0);
  fills.onPollEnd('test', 0);

  expect(reports.map(({ state }) => state)).toEqual(['started', 'complete']);
  expect(reports.at(-1)).toMatchObject({ share: 1, left: 0, elapsed: 60 });
});
