import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stepEnd, stepStart } from '../../src/store/series.ts';
import type { Step } from '../../src/store/series-query.ts';
import { wallTime } from '../../src/windows/calendar.ts';
import { runs } from '../support/extent.ts';

const STEPS: readonly Step[] = ['hour', 'day', 'week', 'month'];
const ZONES = [
  'UTC',
  'Asia/Shanghai',
  'Asia/Kolkata',
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo',
  'Australia/Lord_Howe',
  'Pacific/Kiritimati',
  'Pacific/Apia',
];

const seconds = (text: string): number => Date.parse(text) / 1000;

describe('stepStart', () => {
  it.each<[Step, string, string, string]>([
    ['hour', 'Asia/Kolkata', '2025-01-01T00:29:59Z', '2024-12-31T23:30:00Z'],
    ['day', 'Asia/Shanghai', '2025-01-01T15:59:59Z', '2024-12-31T16:00:00Z'],
    ['day', 'Asia/Shanghai', '2025-01-01T16:00:00Z', '2025-01-01T16:00:00Z'],
    ['week', 'Asia/Shanghai', '2025-01-05T15:59:59Z', '2024-12-29T16:00:00Z'],
    ['week', 'Asia/Shanghai', '2025-01-05T16:00:00Z', '2025-01-05T16:00:00Z'],
    ['week', 'Europe/Berlin', '2025-03-30T21:59:59Z', '2025-03-23T23:00:00Z'],
    ['week', 'Europe/Berlin', '2025-03-30T22:00:00Z', '2025-03-30T22:00:00Z'],
    ['month', 'America/New_York', '2025-03-31T12:00:00Z', '2025-03-01T05:00:00Z'],
    ['month', 'Pacific/Kiritimati', '2025-02-28T10:00:00Z', '2025-02-28T10:00:00Z'],
    ['month', 'UTC', '1969-12-31T00:00:00Z', '1969-12-01T00:00:00Z'],
  ])('of a %s in %s at %s is %s', (step, zone, time, start) => {
    expect(stepStart(seconds(time), step, zone)).toBe(seconds(start));
  });

  it('begins steps that follow one another and hold their times, in any zone', () => {
    const anyTime = fc.integer({ min: seconds('2010-01-01'), max: seconds('2030-01-01') });

    fc.assert(
      fc.property(anyTime, fc.constantFrom(...STEPS), fc.constantFrom(...ZONES), (time, step, zone) => {
        const [start, end] = [stepStart(time, step, zone), stepEnd(time, step, zone)];

        expect(start).toBeLessThanOrEqual(time);
        expect(end).toBeGreaterThan(time);
        expect(stepStart(start, step, zone)).toBe(start);
        expect(stepStart(end, step, zone)).toBe(end);
        expect(stepStart(end - 1, step, zone)).toBe(start);
      }),
      runs(1000),
    );
  });

  it('begins weeks on a Monday and months on a first', () => {
    const anyTime = fc.integer({ min: seconds('2010-01-01'), max: seconds('2030-01-01') });

    fc.assert(
      fc.property(anyTime, fc.constantFrom(...ZONES), (time, zone) => {
        const week = wallTime(stepStart(time, 'week', zone), zone).slice(0, 10);
        const month = wallTime(stepStart(time, 'month', zone), zone).slice(0, 10);

        expect(new Date(`${week}T00:00:00Z`).getUTCDay()).toBe(1);
        expect(month).toMatch(/-01$/);
        expect(month.slice(0, 7)).toBe(wallTime(time, zone).slice(0, 7));
      }),
      runs(500),
    );
  });
});
