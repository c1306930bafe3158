import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { intersect, overlaps, subtract, union } from '../../src/windows/intervals.ts';
import type { Window } from '../../src/windows/window.ts';

const LAST = 40;
const RUNS = { numRuns: 2000 };

/** Any window of small numbers, empty and inside-out ones as well. */
const anyWindow: fc.Arbitrary<Window> = fc.record({
  start: fc.integer({ min: 0, max: LAST }),
  end: fc.integer({ min: 0, max: LAST }),
});
const anyWindows = fc.array(anyWindow, { maxLength: 8 });

/** What windows cover, second by second. */
function secondsOf(windows: readonly Window[]): Set<number> {
  const seconds = new Set<number>();
  for (const { start, end } of windows) for (let second = start; second < end; second++) seconds.add(second);
  return seconds;
}

function without(seconds: ReadonlySet<number>, others: ReadonlySet<number>): Set<number> {
  return new Set([...seconds].filter((second) => !others.has(second)));
}

/** Sorted, not empty, and no two that could be one. */
function expectTidy(windows: readonly Window[]): void {
  for (const [i, { start, end }] of windows.entries()) {
    expect(start).toBeLessThan(end);
    if (i > 0) expect(start).toBeGreaterThan(windows[i - 1]!.end);
  }
}

describe('interval arithmetic agrees with sets of seconds', () => {
  it('union', () => {
    fc.assert(
      fc.property(anyWindows, (windows) => {
        const result = union(windows);

        expect(secondsOf(result)).toEqual(secondsOf(windows));
        expectTidy(result);
      }),
      RUNS,
    );
  });

  it('subtract', () => {
    fc.assert(
      fc.property(anyWindows, anyWindows, (windows, holes) => {
        const result = subtract(windows, holes);

        expect(secondsOf(result)).toEqual(without(secondsOf(windows), secondsOf(holes)));
        expectTidy(result);
      }),
      RUNS,
    );
  });

  it('intersect', () => {
    fc.assert(
      fc.property(anyWindows, anyWindows, (windows, others) => {
        const result = intersect(windows, others);

        expect(secondsOf(result)).toEqual(
          without(secondsOf(windows), without(secondsOf(windows), secondsOf(others))),
        );
        expectTidy(result);
      }),
      RUNS,
    );
  });

  it('overlaps', () => {
    const anyReal = anyWindow.filter(({ start, end }) => start < end);

    fc.assert(
      fc.property(anyReal, anyReal, (a, b) => {
        expect(overlaps(a, b)).toBe(secondsOf(intersect([a], [b])).size > 0);
      }),
      RUNS,
    );
  });

  it('does not change its arguments', () => {
    const windows = Object.freeze([Object.freeze({ start: 5, end: 9 }), Object.freeze({ start: 1, end: 6 })]);

    expect(union(windows)).toEqual([{ start: 1, end: 9 }]);
    expect(subtract(windows, windows)).toEqual([]);
  });

  it('accepts holes without an end', () => {
    expect(subtract([{ start: 1, end: 9 }], [{ start: 4, end: Infinity }])).toEqual([{ start: 1, end: 4 }]);
  });
});
