import { expect, it } from 'vitest';
import { TimeField } from '../../src/usage/time-schema.ts';

it.each([
  [1_790_812_800, 1_790_812_800],
  [0, 0],
  [1_790_812_800_999, 1_790_812_800],
  ['1790812800', 1_790_812_800],
  ['1790812800999', 1_790_812_800],
  ['2026-10-01T00:00:00Z', 1_790_812_800],
  ['2026-10-01T08:00:00.999+08:00', 1_790_812_800],
  ['2026-10-01T08:00+0800', 1_790_812_800],
  ['2026-10-01 00:00:00', 1_790_812_800],
  ['1970-01-01T00:00:01Z', 1],
])('takes %j as Unix seconds', (given, seconds) => {
  expect(TimeField.parse(given)).toBe(seconds);
});

it.each([-1, 1.5, '', 'yesterday', '2026-13-01T00:00:00Z', '2026-10-01', null, undefined, 2n ** 63n])(
  'refuses %s and says what it expects',
  (given) => {
    const parsed = TimeField.safeParse(given);

    expect(parsed.error?.issues.map(({ message }) => message).join()).toMatch(/expected/);
  },
);
