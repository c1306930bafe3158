import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRefreshDue, refreshAges } from '../../src/windows/refresh-schedule.ts';
import { bucketEnd, bucketsOf, bucketStart } from '../../src/windows/calendar.ts';
import { overlaps, subtract } from '../../src/windows/intervals.ts';
import { plan, type Plan, type PlanInput } from '../../src/windows/planner.ts';
import { addCheckpoint, type Checkpoint } from '../../src/windows/checkpoints.ts';
import type { Bucket, Window } from '../../src/windows/window.ts';
import { runs } from '../support/extent.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
/** Some days around the edges of summer time in Berlin and New York. */
const STARTS = ['2026-02-10T00:00Z', '2026-03-06T05:00Z', '2026-03-27T23:00Z', '2026-10-23T22:00Z'];
const ZONES = ['UTC', 'Asia/Shanghai', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'];

const anyJob = fc.record({
  bucket: fc.constantFrom<Bucket>('1h', '1d'),
  zone: fc.constantFrom(...ZONES),
  from: fc.constantFrom(...STARTS.map((text) => Date.parse(text) / 1000)),
  lookbackHours: fc.constantFrom(1, 12, 24, 72),
  pollMinutes: fc.constantFrom(5, 15, 60, 240),
  maxDays: fc.constantFrom(1, 2, 7, 180),
});
type AnyJob = typeof anyJob extends fc.Arbitrary<infer T> ? T : never;

type JobInput = Omit<PlanInput, 'now' | 'checkpoints' | 'postponed'>;

function inputOf(job: AnyJob): JobInput {
  const { bucket, zone, from, lookbackHours, pollMinutes, maxDays } = job;
  const lookback = lookbackHours * HOUR;
  return {
    start: bucketStart(from, bucket, zone),
    bucket,
    zone,
    lookback,
    ages: refreshAges(pollMinutes * 60, lookback),
    maxDays,
  };
}

const bucketsIn = (windows: readonly Window[], { bucket, zone }: JobInput): Window[] =>
  windows.flatMap((window) => bucketsOf(window, bucket, zone));

function readOf(checkpoints: readonly Checkpoint[], bucket: Window): Checkpoint | undefined {
  return checkpoints.find((read) => read.start <= bucket.start && bucket.end <= read.end);
}

function expectNewestFirst(windows: readonly Window[]): void {
  for (const [i, window] of windows.entries()) {
    if (i > 0) expect(window.end).toBeLessThanOrEqual(windows[i - 1]!.start);
  }
}

/** Everything that must hold for one plan, whatever has been read. */
function expectSound(planned: Plan, input: PlanInput): void {
  const { now, start, bucket, zone, ages, maxDays, checkpoints, postponed } = input;
  const all = [...planned.open, ...planned.due, ...planned.backlog];
  const closedEnd = Math.min(bucketStart(now, bucket, zone), input.end ?? Infinity);

  for (const windows of Object.values(planned) as Window[][]) expectNewestFirst(windows);
  for (const [i, window] of all.entries()) {
    expect(bucketStart(window.start, bucket, zone)).toBe(window.start);
    expect(bucketEnd(window.end - 1, bucket, zone)).toBe(window.end);
    const oneDay = window.end <= bucketEnd(window.start, '1d', zone);
    expect(oneDay || window.end - window.start <= maxDays * DAY).toBe(true);
    expect(all.slice(i + 1).some((other) => overlaps(window, other))).toBe(false);
  }

  const plannedStarts = new Set(bucketsIn(all, input).map((b) => b.start));
  for (const b of bucketsIn(start < closedEnd ? [{ start, end: closedEnd }] : [], input)) {
    const read = readOf(checkpoints, b);
    const waits = postponed.some((window) => overlaps(window, b));
    const wanted = !waits && (!read || isRefreshDue(b.end, read.readAt, now, ages));
    expect([b.start, plannedStarts.has(b.start)]).toEqual([b.start, wanted]);
    plannedStarts.delete(b.start);
  }
  const open = closedEnd === bucketStart(now, bucket, zone) && closedEnd >= start && closedEnd !== input.end;
  expect([...plannedStarts]).toEqual(open ? [closedEnd] : []);
}

/** Cuts a window down to whole buckets. */
function whole({ start, end }: Window, { bucket, zone }: JobInput): Window {
  return { start: bucketStart(start, bucket, zone), end: bucketStart(end, bucket, zone) };
}

describe('one plan', () => {
  const anySpan = fc.record({
    ago: fc.integer({ min: 0, max: 12 * DAY }),
    length: fc.integer({ min: 0, max: 5 * DAY }),
  });
  const anyState = fc.record({
    job: anyJob,
    after: fc.integer({ min: 0, max: 12 * DAY }),
    ending: fc.boolean(),
    checkpoints: fc.array(fc.record({ span: anySpan, after: fc.integer({ min: 0, max: 4 * DAY }) }), {
      maxLength: 8,
    }),
    postponed: fc.array(anySpan, { maxLength: 2 }),
  });

  it('contains exactly the closed buckets that are not final, due and not postponed', () => {
    fc.assert(
      fc.property(anyState, ({ job, after, ending, checkpoints, postponed }) => {
        const base = inputOf(job);
        const now = base.start + after;
        const spanOf = ({ ago, length }: { ago: number; length: number }): Window =>
          whole({ start: now - ago, end: Math.min(now, now - ago + length) }, base);
        const done = checkpoints
          .map(({ span, after }) => ({ ...spanOf(span), after }))
          .filter(({ start, end }) => start < end)
          .map(({ start, end, after }) => ({ start, end, readAt: Math.min(now, end + after) }))
          .toSorted((a, b) => a.readAt - b.readAt)
          .reduce<Checkpoint[]>((all, read) => addCheckpoint(all, read, base.lookback), []);
        const input: PlanInput = {
          ...base,
          now,
          ...(ending && { end: bucketStart(now - 6 * HOUR, base.bucket, base.zone) }),
          checkpoints: done,
          postponed: postponed.map(spanOf).filter(({ start, end }) => start < end),
        };

        const planned = plan(input);

        expectSound(planned, input);
      }),
      runs(2000),
    );
  });

  it('puts unread buckets from before the lookback into the backlog', () => {
    const now = Date.parse('2026-02-20T12:34Z') / 1000;
    const input = inputOf({
      bucket: '1h',
      zone: 'UTC',
      from: now - 10 * DAY,
      lookbackHours: 24,
      pollMinutes: 5,
      maxDays: 180,
    });

    const planned = plan({ ...input, now, checkpoints: [], postponed: [] });

    const hour = bucketStart(now, '1h', 'UTC');
    expect(planned).toEqual({
      open: [{ start: hour - DAY, end: hour + HOUR }],
      due: [],
      backlog: [{ start: input.start, end: hour - DAY }],
    });
  });

  it('is empty before the start and after the end of a job', () => {
    const input = inputOf({
      bucket: '1d',
      zone: 'UTC',
      from: 0,
      lookbackHours: 1,
      pollMinutes: 5,
      maxDays: 1,
    });
    const nothing = { open: [], due: [], backlog: [] };

    expect(plan({ ...input, start: 10 * DAY, now: 5 * DAY, checkpoints: [], postponed: [] })).toEqual(
      nothing,
    );
    expect(
      plan({
        ...input,
        now: 5 * DAY,
        end: 2 * DAY,
        checkpoints: [{ start: 0, end: 2 * DAY, readAt: 3 * DAY }],
        postponed: [],
      }),
    ).toEqual(nothing);
  });
});

describe('plan after plan', () => {
  const anyPolls = fc.record({
    job: anyJob,
    polls: fc.array(
      fc.record({
        wait: fc.oneof(
          { weight: 8, arbitrary: fc.integer({ min: 60, max: 5 * HOUR }) },
          { weight: 1, arbitrary: fc.integer({ min: HOUR, max: 6 * DAY }) },
        ),
        /** How many of the planned windows are read before the poll ends. */
        checkpoints: fc.integer({ min: 0, max: 12 }),
      }),
      { maxLength: 40 },
    ),
  });

  it('reads every bucket at most once per age, and at the last age', () => {
    fc.assert(
      fc.property(anyPolls, ({ job, polls }) => {
        const base = inputOf(job);
        const counts = new Map<number, number[]>();
        let checkpoints: Checkpoint[] = [];
        let now = base.start;
        const pollOnce = (limit: number): void => {
          const input = { ...base, now, checkpoints, postponed: [] };
          const planned = plan(input);
          for (const window of [...planned.open, ...planned.due, ...planned.backlog].slice(0, limit)) {
            const closed = {
              start: window.start,
              end: Math.min(window.end, bucketStart(now, base.bucket, base.zone)),
            };
            if (closed.start >= closed.end) continue;
            for (const b of bucketsIn([closed], base))
              counts.set(b.start, [...(counts.get(b.start) ?? []), now]);
            checkpoints = addCheckpoint(checkpoints, { ...closed, readAt: now }, base.lookback);
          }
        };

        for (const { wait, checkpoints: limit } of polls) {
          now += wait;
          pollOnce(limit);
        }
        const until = bucketStart(now, base.bucket, base.zone);
        for (const wait of [0, base.lookback + DAY, base.lookback]) {
          now += wait;
          pollOnce(Infinity);
        }

        for (const b of bucketsIn(base.start < until ? [{ start: base.start, end: until }] : [], base)) {
          const readAts = counts.get(b.start) ?? [];
          const stages = readAts.map((readAt) => base.ages.filter((age) => age <= readAt - b.end).length);
          expect(readAts.length).toBeLessThanOrEqual(base.ages.length);
          expect(new Set(stages).size).toBe(stages.length);
          expect(readAts.at(-1)! - b.end).toBeGreaterThanOrEqual(base.lookback);
        }
        expect(subtract(base.start < until ? [{ start: base.start, end: until }] : [], checkpoints)).toEqual(
          [],
        );
      }),
      runs(1000),
    );
  });

  it('reads a bucket 8 to 12 times with polls every five minutes for three days', () => {
    const base = inputOf({
      bucket: '1h',
      zone: 'UTC',
      from: 0,
      lookbackHours: 72,
      pollMinutes: 5,
      maxDays: 7,
    });
    const counts = new Map<number, number>();
    let checkpoints: Checkpoint[] = [];

    for (let now = 60; now < 6 * DAY; now += 300) {
      const planned = plan({ ...base, now, checkpoints, postponed: [] });
      for (const window of [...planned.open, ...planned.due, ...planned.backlog]) {
        const closed = { start: window.start, end: Math.min(window.end, bucketStart(now, '1h', 'UTC')) };
        if (closed.start >= closed.end) continue;
        for (const b of bucketsIn([closed], base)) counts.set(b.start, (counts.get(b.start) ?? 0) + 1);
        checkpoints = addCheckpoint(checkpoints, { ...closed, readAt: now }, base.lookback);
      }
    }

    const settled = [...counts].filter(([start]) => start < 2 * DAY).map(([, count]) => count);
    expect(settled.length).toBe(48);
    expect(Math.min(...settled)).toBeGreaterThanOrEqual(8);
    expect(Math.max(...settled)).toBeLessThanOrEqual(12);
  });
});
