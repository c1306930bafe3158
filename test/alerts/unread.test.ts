import { expect, test } from 'vitest';
import { unreadHours } from '../../src/alerts/unread.ts';

/** Hours from runs: `unread(30, -8, 30)` is 30 with a point, 8 without, 30 with. */
function unread(...runs: readonly number[]): [number, number][] {
  const seen = Uint8Array.from(
    runs.flatMap((run) => Array.from({ length: Math.abs(run) }, () => Number(run > 0))),
  );
  return unreadHours(seen).map(({ start, end }) => [start, end]);
}

test('hours before the first point and after the last were not read', () => {
  expect(unread(-5, 10, -3)).toEqual([
    [0, 5],
    [15, 18],
  ]);
});

test('an account without any point was not read', () => {
  expect(unread(-24)).toEqual([[0, 24]]);
});

test('six silent hours of an account that always has usage were not read, five are no usage', () => {
  expect(unread(500, -6, 500)).toEqual([[500, 506]]);
  expect(unread(500, -5, 500)).toEqual([]);
});

test('a silence says nothing of an account that is often silent', () => {
  const runs = (share: number): number[] => Array.from({ length: 40 }, () => [share, share - 40]).flat();

  expect(unread(...runs(37), -8, 1)).toEqual([[1597, 1608]]);
  expect(unread(...runs(35), -8, 1)).toEqual([]);
});

test('a week without points is an outage, and so is the next one', () => {
  const week = 24 * 7;

  expect(unread(4 * week, -week, 40 * week, -week, week)).toEqual([
    [4 * week, 5 * week],
    [45 * week, 46 * week],
  ]);
});

test('nights and weekends of an account with office hours are no usage', () => {
  const week = [10, -14, 10, -14, 10, -14, 10, -14, 10, -62];

  expect(unread(...week, ...week, ...week, ...week, 10)).toEqual([]);
});
