import { describe, expect, it } from 'vitest';
import { isRefreshDue, refreshAges } from '../../src/windows/refresh-schedule.ts';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;

describe('refreshAges', () => {
  it('roughly doubles from one poll interval up to the lookback', () => {
    const ages = refreshAges(5 * MINUTE, 3 * DAY);

    const ratios = ages.slice(2).map((age, i) => age / ages[i + 1]!);
    expect(ages[0]).toBe(0);
    expect(ages[1]).toBeGreaterThanOrEqual(5 * MINUTE);
    expect(ages.at(-1)).toBe(3 * DAY);
    expect(ratios.every((ratio) => ratio >= 2 && ratio < 2.01)).toBe(true);
  });

  it.each([
    [5 * MINUTE, 3 * DAY],
    [5 * MINUTE, 2 * DAY],
    [10 * MINUTE, 3 * DAY],
    [15 * MINUTE, 7 * DAY],
    [HOUR, 30 * DAY],
  ])('reads a bucket 8 to 12 times with a poll every %i s and a look-back of %i s', (poll, lookback) => {
    const reads = refreshAges(poll, lookback).length;

    expect(reads).toBeGreaterThanOrEqual(8);
    expect(reads).toBeLessThanOrEqual(12);
  });

  it.each([
    ['without a look-back, once', HOUR, 0, [0]],
    ['with a look-back shorter than a poll, twice', HOUR, 30 * MINUTE, [0, 30 * MINUTE]],
    ['with a look-back of one poll, twice', HOUR, HOUR, [0, HOUR]],
    ['with polls by the second, no closer than a minute', 1, 4 * MINUTE, [0, MINUTE, 2 * MINUTE, 4 * MINUTE]],
  ])('%s', (_, poll, lookback, ages) => {
    expect(refreshAges(poll, lookback)).toEqual(ages);
  });
});

describe('isRefreshDue', () => {
  const ages = [0, 300, 600, 1200];
  const end = 10_000;

  it.each([
    ['not before it has closed', -50, -1, false],
    ['at its close, when it was read while open', -50, 0, true],
    ['not again at once', 0, 299, false],
    ['at the next age', 0, 300, true],
    ['once after several ages have passed', 0, 700, true],
    ['not twice for the same age', 700, 1199, false],
    ['at the last age', 700, 1200, true],
    ['never after the last age', 1200, 1_000_000, false],
  ])('%s', (_, readAt, now, due) => {
    expect(isRefreshDue(end, end + readAt, end + now, ages)).toBe(due);
  });
});
