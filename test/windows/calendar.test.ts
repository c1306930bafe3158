import { describe, expect, it } from 'vitest';
import {
  bucketEnd,
  bucketsOf,
  countBuckets,
  bucketStart,
  isZone,
  splitByDays,
  wallTime,
  zoneOffset,
} from '../../src/windows/calendar.ts';
import type { Bucket, Window } from '../../src/windows/window.ts';

const HALF = 1800;
const HOUR = 3600;
const DAY = 24 * HOUR;

const at = (text: string): number => Date.parse(text) / 1000;

/** Zones with every kind of edge: none, an hour, half an hour, at midnight, back into the day that has begun. */
const YEARS: [zone: string, year: number][] = [
  ['UTC', 2026],
  ['Asia/Shanghai', 2026],
  ['Asia/Kolkata', 2026],
  ['Asia/Kathmandu', 2026],
  ['Europe/Berlin', 2026],
  ['America/New_York', 2026],
  ['Australia/Lord_Howe', 2026],
  ['America/Sao_Paulo', 2018],
  ['Asia/Beirut', 2026],
  ['Africa/Cairo', 2026],
  ['America/Havana', 2026],
  ['Atlantic/Azores', 2026],
];

/** A year of half hours, from the middle of a day on. */
function halfHoursOf(year: number): number[] {
  const start = Date.UTC(year, 0, 1, 12) / 1000;
  return Array.from({ length: (366 * DAY) / HALF }, (_, i) => start + i * HALF);
}

/** The zone's wall clock at a moment, from the runtime and apart from the code under test. */
function clockOf(zone: string): (time: number) => { date: string; hour: string } {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'short',
  });
  return (time) => {
    const text = format.format(time * 1000);
    return { date: text.slice(0, 10), hour: text.slice(0, 13) };
  };
}

describe.each(YEARS)('a year in %s (%i)', (zone, year) => {
  const halves = halfHoursOf(year);

  it.each<Bucket>(['1h', '1d'])('is covered by buckets of %s without hole or overlap', (bucket) => {
    const problems: string[] = [];
    let { start, end }: Window = {
      start: bucketStart(halves[0]!, bucket, zone),
      end: bucketEnd(halves[0]!, bucket, zone),
    };

    for (const time of halves) {
      if (time >= end) ({ start, end } = { start: end, end: bucketEnd(end, bucket, zone) });
      if (bucketStart(time, bucket, zone) !== start || bucketEnd(time, bucket, zone) !== end) {
        problems.push(`${wallTime(time, zone)} is not in its bucket`);
      }
    }

    expect(problems).toEqual([]);
  });

  it('has one bucket for each of its dates, whatever their length', () => {
    const clock = clockOf(zone);
    const starts = new Map<string, Set<number>>();
    for (const time of halves) {
      const { date } = clock(time);
      starts.set(date, (starts.get(date) ?? new Set()).add(bucketStart(time, '1d', zone)));
    }

    const several = [...starts].filter(([, buckets]) => buckets.size > 1);

    expect(several).toEqual([]);
    expect(new Set([...starts.values()].flatMap((buckets) => [...buckets])).size).toBe(starts.size);
  });

  it.each<Bucket>(['1h', '1d'])('counts as many buckets of %s as it lists', (bucket) => {
    const wrong: string[] = [];
    for (let index = 0; index < halves.length; index += 1009) {
      for (const length of [1, 47, 48 * 40, 48 * 200]) {
        const window = { start: halves[index]!, end: halves[index]! + length * HALF + 7 };
        const listed = bucketsOf(window, bucket, zone).filter(({ end }) => end <= window.end).length;
        if (countBuckets(window, bucket, zone) !== listed)
          wrong.push(`${window.start} to ${window.end}: ${listed}`);
      }
    }

    expect(wrong).toEqual([]);
  });

  it('has hours that lie within one hour of the wall clock', () => {
    const clock = clockOf(zone);

    const torn = halves.filter((time) => clock(time).hour !== clock(bucketStart(time, '1h', zone)).hour);

    expect(torn).toEqual([]);
  });
});

describe('the edges of summer time', () => {
  const lengths = (zone: string, bucket: Bucket, from: string, to: string): number[] =>
    bucketsOf({ start: at(from), end: at(to) }, bucket, zone).map(({ start, end }) => (end - start) / HOUR);

  it.each([
    [
      'Europe/Berlin springs forward',
      'Europe/Berlin',
      '2026-03-27T23:00Z',
      '2026-03-30T22:00Z',
      [24, 23, 24],
    ],
    ['Europe/Berlin falls back', 'Europe/Berlin', '2026-10-23T22:00Z', '2026-10-26T23:00Z', [24, 25, 24]],
    ['New York springs forward', 'America/New_York', '2026-03-07T05:00Z', '2026-03-10T04:00Z', [24, 23, 24]],
    ['New York falls back', 'America/New_York', '2026-10-31T04:00Z', '2026-11-03T05:00Z', [24, 25, 24]],
    [
      'Lord Howe moves by half an hour',
      'Australia/Lord_Howe',
      '2026-10-02T13:30Z',
      '2026-10-05T13:00Z',
      [24, 23.5, 24],
    ],
    [
      'São Paulo has a day without midnight',
      'America/Sao_Paulo',
      '2018-11-03T03:00Z',
      '2018-11-06T02:00Z',
      [24, 23, 24],
    ],
    [
      'São Paulo repeats the last hour of a day',
      'America/Sao_Paulo',
      '2018-02-16T02:00Z',
      '2018-02-19T03:00Z',
      [24, 25, 24],
    ],
    [
      'Havana repeats the first hour of a day',
      'America/Havana',
      '2026-10-31T04:00Z',
      '2026-11-03T05:00Z',
      [24, 25, 24],
    ],
    [
      'Beirut has a day without midnight',
      'Asia/Beirut',
      '2026-03-27T22:00Z',
      '2026-03-30T21:00Z',
      [24, 23, 24],
    ],
  ])('%s', (_, zone, from, to, days) => {
    expect(lengths(zone, '1d', from, to)).toEqual(days);
  });

  it('a repeated hour is two hours', () => {
    const hours = bucketsOf(
      { start: at('2026-10-24T23:00Z'), end: at('2026-10-25T03:00Z') },
      '1h',
      'Europe/Berlin',
    );

    expect(hours.map(({ start }) => wallTime(start, 'Europe/Berlin').slice(11))).toEqual([
      '01:00',
      '02:00',
      '02:00',
      '03:00',
    ]);
  });

  it('a skipped hour has no bucket', () => {
    const hours = bucketsOf(
      { start: at('2026-03-29T00:00Z'), end: at('2026-03-29T03:00Z') },
      '1h',
      'Europe/Berlin',
    );

    expect(hours.map(({ start }) => wallTime(start, 'Europe/Berlin').slice(11))).toEqual([
      '01:00',
      '03:00',
      '04:00',
    ]);
  });

  it('a shift of half an hour leaves one short and one long hour', () => {
    expect(lengths('Australia/Lord_Howe', '1h', '2026-10-03T14:30Z', '2026-10-03T17:00Z')).toEqual([
      1, 0.5, 1,
    ]);
    expect(lengths('Australia/Lord_Howe', '1h', '2026-04-04T13:00Z', '2026-04-04T16:30Z')).toEqual([
      1, 1.5, 1,
    ]);
  });
});

describe('bucketsOf', () => {
  it('lists the buckets that begin in the window', () => {
    const window = { start: at('2026-01-01T00:30Z'), end: at('2026-01-01T03:30Z') };

    expect(bucketsOf(window, '1h', 'UTC').map(({ start }) => start)).toEqual([
      at('2026-01-01T01:00Z'),
      at('2026-01-01T02:00Z'),
      at('2026-01-01T03:00Z'),
    ]);
  });

  it('starts hours where a zone of half hours has them', () => {
    expect(bucketStart(at('2026-01-01T00:15Z'), '1h', 'Asia/Kolkata')).toBe(at('2025-12-31T23:30Z'));
  });
});

describe('splitByDays', () => {
  it.each(YEARS)('returns no piece longer than requested, in %s (%i)', (zone, year) => {
    const window = { start: Date.UTC(year, 0, 1, 7) / 1000, end: Date.UTC(year, 11, 30, 19) / 1000 };

    for (const days of [2, 7, 31, 180]) {
      const pieces = splitByDays(window, days, zone);
      expect(pieces.filter(({ start, end }) => end - start > days * DAY)).toEqual([]);
      expect(pieces.at(0)?.start).toBe(window.start);
      expect(pieces.at(-1)?.end).toBe(window.end);
      expect(pieces.slice(1).map(({ start }) => start)).toEqual(pieces.slice(0, -1).map(({ end }) => end));
      expect(pieces.slice(1).every(({ start }) => bucketStart(start, '1d', zone) === start)).toBe(true);
    }
  });

  it('keeps a day whole, even one of 25 hours', () => {
    const pieces = splitByDays(
      { start: at('2026-10-23T22:00Z'), end: at('2026-10-26T23:00Z') },
      1,
      'Europe/Berlin',
    );

    expect(pieces.map(({ start, end }) => (end - start) / HOUR)).toEqual([24, 25, 24]);
  });

  it('returns nothing for an empty window', () => {
    expect(splitByDays({ start: 5, end: 5 }, 1, 'UTC')).toEqual([]);
  });
});

describe('zones', () => {
  it('are known or not', () => {
    expect(isZone('Asia/Shanghai')).toBe(true);
    expect(isZone('Asia/Nowhere')).toBe(false);
    expect(() => zoneOffset(0, 'Asia/Nowhere')).toThrow(RangeError);
  });

  it('have offsets in seconds', () => {
    expect(zoneOffset(at('2026-07-01T00:00Z'), 'Asia/Kolkata')).toBe(5.5 * HOUR);
    expect(zoneOffset(at('2026-07-01T00:00Z'), 'America/New_York')).toBe(-4 * HOUR);
  });

  it('are formatted as wall time', () => {
    expect(wallTime(at('2026-07-01T16:05Z'), 'Asia/Shanghai')).toBe('2026-07-02 00:05');
  });
});
