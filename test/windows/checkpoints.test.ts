import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addCheckpoint,
  invalidateCheckpoints,
  removeCheckpoints,
  type Checkpoint,
} from '../../src/windows/checkpoints.ts';
import { runs } from '../support/extent.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
const LOOKBACK = 12 * HOUR;
const HOURS = 60;

/** Checkpoints as they happen: each a run of closed hours, at a moment after they closed, in the order of time. */
const anyReads: fc.Arbitrary<Checkpoint[]> = fc
  .array(
    fc.record({
      first: fc.nat(HOURS - 1),
      hours: fc.integer({ min: 1, max: 12 }),
      after: fc.integer({ min: 0, max: 30 * HOUR }),
    }),
    { maxLength: 30 },
  )
  .map((runs) =>
    runs
      .map(({ first, hours, after }) => {
        const end = (first + hours) * HOUR;
        return { start: first * HOUR, end, readAt: end + after };
      })
      .toSorted((a, b) => a.readAt - b.readAt),
  );

/** When each hour was last read. */
function hoursOf(checkpoints: readonly Checkpoint[]): Map<number, number> {
  const hours = new Map<number, number>();
  for (const { start, end, readAt } of checkpoints) {
    for (let hour = start; hour < end; hour += HOUR) hours.set(hour, readAt);
  }
  return hours;
}

const addAll = (checkpoints: readonly Checkpoint[]): Checkpoint[] =>
  checkpoints.reduce<Checkpoint[]>((all, read) => addCheckpoint(all, read, LOOKBACK), []);

describe('addCheckpoint', () => {
  it('keeps the last read of every bucket; final ones may count as read later, never earlier', () => {
    fc.assert(
      fc.property(anyReads, (checkpoints) => {
        const kept = hoursOf(addAll(checkpoints));

        const expected = hoursOf(checkpoints);
        expect([...kept.keys()].toSorted((a, b) => a - b)).toEqual(
          [...expected.keys()].toSorted((a, b) => a - b),
        );
        for (const [hour, readAt] of expected) {
          const settled = readAt - (hour + HOUR) >= LOOKBACK;
          if (settled) expect(kept.get(hour)).toBeGreaterThanOrEqual(readAt);
          else expect(kept.get(hour)).toBe(readAt);
        }
      }),
      runs(2000),
    );
  });

  it('keeps checkpoints sorted and without overlap', () => {
    fc.assert(
      fc.property(anyReads, (checkpoints) => {
        const kept = addAll(checkpoints);

        for (const [i, read] of kept.entries()) {
          expect(read.start).toBeLessThan(read.end);
          if (i > 0) expect(read.start).toBeGreaterThanOrEqual(kept[i - 1]!.end);
        }
      }),
      runs(2000),
    );
  });

  it('keeps a year of final hours in one row', () => {
    let checkpoints: Checkpoint[] = [];

    for (let hour = 0; hour < 365 * 24; hour++) {
      const end = (hour + 1) * HOUR;
      checkpoints = addCheckpoint(checkpoints, { start: hour * HOUR, end, readAt: end + LOOKBACK }, LOOKBACK);
    }

    expect(checkpoints).toEqual([{ start: 0, end: 365 * DAY, readAt: 365 * DAY + LOOKBACK }]);
  });

  it('does not merge a bucket that will be read again', () => {
    const settled = { start: 0, end: HOUR, readAt: HOUR + LOOKBACK };
    const young = { start: HOUR, end: 2 * HOUR, readAt: HOUR + LOOKBACK + 1 };

    expect(addCheckpoint([settled], young, LOOKBACK)).toEqual([settled, young]);
  });
});

describe('removeCheckpoints', () => {
  it('removes a window from the middle', () => {
    const read = { start: 0, end: 10 * HOUR, readAt: 20 * HOUR };

    expect(removeCheckpoints([read], [{ start: 2 * HOUR, end: 3 * HOUR }])).toEqual([
      { start: 0, end: 2 * HOUR, readAt: 20 * HOUR },
      { start: 3 * HOUR, end: 10 * HOUR, readAt: 20 * HOUR },
    ]);
  });
});

describe('invalidateCheckpoints, when the clock was ahead', () => {
  const what = { since: 50 * HOUR, horizon: 88 * HOUR, openStart: 100 * HOUR };

  it('removes checkpoints of buckets that have not closed yet', () => {
    const read = { start: 90 * HOUR, end: 120 * HOUR, readAt: 121 * HOUR };

    const [left, ...more] = invalidateCheckpoints([read], what);

    expect(left).toMatchObject({ start: 90 * HOUR, end: 100 * HOUR });
    expect(more).toEqual([]);
  });

  it('has every bucket within the look-back read again', () => {
    const read = { start: 90 * HOUR, end: 99 * HOUR, readAt: 110 * HOUR };

    const [left] = invalidateCheckpoints([read], what);

    expect(left!.readAt).toBeLessThanOrEqual(left!.start);
  });

  it('removes checkpoints of buckets that became final under the wrong clock, and keeps the older history', () => {
    const read = { start: 0, end: 95 * HOUR, readAt: 120 * HOUR };

    expect(invalidateCheckpoints([read], what)).toEqual([
      { start: 0, end: 50 * HOUR, readAt: 120 * HOUR },
      { start: 88 * HOUR, end: 95 * HOUR, readAt: 88 * HOUR },
    ]);
  });
});
