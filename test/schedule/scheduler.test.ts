import { getTasks } from 'node-cron';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import {
  schedule,
  type Schedule,
  type ScheduledJob,
  type ScheduleEvent,
} from '../../src/schedule/scheduler.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

let schedules: Schedule[] = [];
let polls: string[] = [];
let events: ScheduleEvent[] = [];

beforeEach(() => {
  schedules = [];
  polls = [];
  events = [];
  vi.useFakeTimers({ now: Date.parse('2026-10-01T00:00:30Z') });
});

afterEach(async () => {
  const stopped = schedules.map((each) => each.stop(0));
  await vi.advanceTimersByTimeAsync(0);
  await Promise.all(stopped);
  expect(getTasks().size).toBe(0);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('schedule', () => {
  it('polls immediately and then on schedule', async () => {
    start({ expression: '*/5 * * * *' });

    await vi.advanceTimersByTimeAsync(11 * MINUTE);

    expect(polls).toEqual(['2026-10-01 00:00:30', '2026-10-01 00:05:00', '2026-10-01 00:10:00']);
    expect(events).toEqual([]);
  });

  it('waits for the first scheduled run when runNow is false', async () => {
    start({ expression: '*/5 * * * *', runNow: false });

    await vi.advanceTimersByTimeAsync(5 * MINUTE);

    expect(polls).toEqual(['2026-10-01 00:05:00']);
  });

  it('evaluates the expression in its zone', async () => {
    start({ expression: '0 9 * * *', zone: 'Asia/Shanghai', runNow: false });

    await vi.advanceTimersByTimeAsync(24 * HOUR);

    expect(polls).toEqual(['2026-10-01 01:00:00']);
  });

  it('skips a run that is due while the previous one is running, and counts it', async () => {
    start({ expression: '* * * * *', runNow: false }, () => sleep(150 * SECOND));

    await vi.advanceTimersByTimeAsync(4 * MINUTE);

    expect(polls).toEqual(['2026-10-01 00:01:00', '2026-10-01 00:04:00']);
    expect(events).toEqual([overlap(), overlap()]);
  });

  it('skips a scheduled run while the initial poll is running', async () => {
    start({ expression: '* * * * *' }, () => sleep(45 * SECOND));

    await vi.advanceTimersByTimeAsync(100 * SECOND);

    expect(polls).toEqual(['2026-10-01 00:00:30', '2026-10-01 00:02:00']);
    expect(events).toEqual([overlap()]);
  });

  it('delays the start by a random part of the jitter', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    start({ expression: '*/5 * * * *', jitterMs: 20 * SECOND, runNow: false });

    await vi.advanceTimersByTimeAsync(10 * MINUTE);

    expect(polls).toEqual(['2026-10-01 00:05:10', '2026-10-01 00:10:10']);
    expect(events).toEqual([]);
  });

  it('runs several times a minute with an expression of six fields', async () => {
    start({ expression: '*/20 * * * * *', runNow: false });

    await vi.advanceTimersByTimeAsync(MINUTE);

    expect(polls.map((poll) => poll.slice(-5))).toEqual(['00:40', '01:00', '01:20']);
  });

  it('reports a failed poll and continues', async () => {
    const error = new Error('out of order');
    start({ expression: '*/5 * * * *', runNow: false }, () => Promise.reject(error));

    await vi.advanceTimersByTimeAsync(10 * MINUTE);

    expect(polls).toHaveLength(2);
    expect(events).toEqual([
      { type: 'failed', job: 'trae-main', error },
      { type: 'failed', job: 'trae-main', error },
    ]);
  });

  test.each([
    [{ expression: '* * * *' }, 'job trae-main: "* * * *" is not a cron expression'],
    [{ zone: 'Europe/Atlantis' }, 'job trae-main: "Europe/Atlantis" is not a time zone'],
  ])('refuses %j and leaves nothing behind', (job, message) => {
    expect(() => start(job)).toThrow(message);
    expect(getTasks().size).toBe(0);
  });
});

describe('a run that would be missed', () => {
  test.each([
    ['Europe/Berlin', 'falls back', '2026-10-24T22:00:00Z'],
    ['Europe/Berlin', 'springs forward', '2027-03-27T23:00:00Z'],
    ['America/New_York', 'falls back', '2026-11-01T03:00:00Z'],
    ['America/New_York', 'springs forward', '2027-03-14T04:00:00Z'],
    ['Asia/Shanghai', 'stays', '2026-10-24T22:00:00Z'],
  ])('keeps its interval when the clock of %s %s', async (zone, _, from) => {
    vi.setSystemTime(Date.parse(from));
    start({ expression: '*/5 * * * *', zone });

    await vi.advanceTimersByTimeAsync(8 * HOUR);

    const times = polls.map((poll) => Date.parse(`${poll.replace(' ', 'T')}Z`));
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(6 * MINUTE);
    expect(times).toHaveLength(8 * 12 + 1);
  });

  it('is replaced by one poll however many were missed, and all are counted', async () => {
    start({ expression: '* * * * *', runNow: false });
    await vi.advanceTimersByTimeAsync(45 * SECOND);

    // The event loop is blocked: time passes, and no timer fires until it is over.
    vi.setSystemTime(Date.parse('2026-10-01T00:05:20Z'));
    await vi.advanceTimersByTimeAsync(30 * SECOND);

    expect(polls).toEqual(['2026-10-01 00:01:00', '2026-10-01 00:05:21']);
    expect(events).toEqual([{ type: 'missed', job: 'trae-main', runs: 4 }]);
  });

  it('starts on time when the event loop is blocked for seconds at the moment it is due', async () => {
    start({ expression: '*/5 * * * *', runNow: false });
    await vi.advanceTimersByTimeAsync(4 * MINUTE + 29 * SECOND);

    vi.setSystemTime(Date.parse('2026-10-01T00:05:09Z'));
    await vi.advanceTimersByTimeAsync(SECOND);

    expect(polls).toEqual(['2026-10-01 00:05:10']);
    expect(events).toEqual([]);
  });

  it('is repeated when the system clock is set back', async () => {
    start({ expression: '*/5 * * * *', runNow: false });
    await vi.advanceTimersByTimeAsync(10 * MINUTE);

    vi.setSystemTime(Date.parse('2026-09-30T20:00:00Z'));
    await vi.advanceTimersByTimeAsync(16 * MINUTE);

    expect(polls.slice(2).map((poll) => poll.slice(0, 16))).toEqual([
      '2026-09-30 20:05',
      '2026-09-30 20:10',
      '2026-09-30 20:15',
    ]);
  });
});

describe('stop', () => {
  it('starts no more polls', async () => {
    const scheduled = start({ expression: '* * * * *' });
    await vi.advanceTimersByTimeAsync(SECOND);

    const ended = await scheduled.stop();
    await scheduled.poll();
    await vi.advanceTimersByTimeAsync(HOUR);

    expect([ended, polls.length]).toEqual([true, 1]);
  });

  it('cancels a run that waits for its jitter', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.9);
    const scheduled = start({ expression: '* * * * *', jitterMs: 20 * SECOND, runNow: false });
    await vi.advanceTimersByTimeAsync(31 * SECOND);

    await scheduled.stop();
    await vi.advanceTimersByTimeAsync(HOUR);

    expect(polls).toEqual([]);
  });

  it('lets the running poll finish', async () => {
    let aborted = false;
    const scheduled = start({}, async (signal) => {
      await sleep(7 * SECOND);
      aborted = signal.aborted;
    });

    const stopped = scheduled.stop(10 * SECOND);
    await vi.advanceTimersByTimeAsync(7 * SECOND);

    expect([await stopped, aborted]).toEqual([true, false]);
  });

  it('aborts a longer poll shortly before the limit', async () => {
    let abortedAt = 0;
    const scheduled = start({}, async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      abortedAt = Date.now();
      await sleep(SECOND);
    });
    const before = Date.now();

    const stopped = scheduled.stop(10 * SECOND);
    await vi.advanceTimersByTimeAsync(10 * SECOND);

    expect([await stopped, abortedAt - before]).toEqual([true, 8 * SECOND]);
  });

  it('returns at the limit when a poll never ends', async () => {
    const scheduled = start({}, () => new Promise(() => {}));

    const stopped = scheduled.stop(10 * SECOND);
    await vi.advanceTimersByTimeAsync(10 * SECOND);

    expect(await stopped).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });
});

function start(
  job: Partial<ScheduledJob>,
  run: (signal: AbortSignal) => Promise<void> = () => Promise.resolve(),
): Schedule {
  const started = schedule(
    { name: 'trae-main', expression: '*/5 * * * *', zone: 'UTC', jitterMs: 0, ...job },
    (signal) => {
      polls.push(new Date().toISOString().slice(0, 19).replace('T', ' '));
      return run(signal);
    },
    { onEvent: (event) => events.push(event), now: Date.now, random: () => Math.random() },
  );
  schedules.push(started);
  return started;
}

function overlap(): ScheduleEvent {
  return { type: 'overlap', job: 'trae-main' };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
