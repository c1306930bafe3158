import { describe, expect, it } from 'vitest';
import { officeHours, type OfficeHours, type UsageEvent } from '../../src/simulator/world.ts';
import { DAY, HOUR } from '../../src/windows/units.ts';

const MONDAY = Date.parse('2026-10-19T00:00:00+08:00') / 1000;
const OFFICE: OfficeHours = {
  seed: 1,
  start: MONDAY,
  end: MONDAY + 7 * DAY,
  series: [{ user: 'ann' }, { user: 'bob' }],
  perHour: 3,
  convergence: 600,
};

describe('officeHours', () => {
  it('gives the same requests in the same hours, whenever the usage starts', () => {
    const since = MONDAY + 2 * DAY + 1800;

    const later = officeHours({ ...OFFICE, start: since });

    expect(later.length).toBeGreaterThan(0);
    expect(later).toEqual(officeHours(OFFICE).filter(({ time }) => time >= since + 1800));
  });

  it('gives a series the same requests, whatever other series there are', () => {
    const withoutId = (event: UsageEvent): UsageEvent => ({ ...event, id: '' });
    const alone = officeHours({ ...OFFICE, series: [{ user: 'bob' }] });

    const bob = officeHours(OFFICE).filter(({ tags }) => tags.user === 'bob');

    expect(bob.map(withoutId)).toEqual(alone.map(withoutId));
  });

  it('gives two series, two hours and two seeds different requests', () => {
    const times = (events: ReturnType<typeof officeHours>): number[] => events.map(({ time }) => time % HOUR);
    const hour = { ...OFFICE, start: MONDAY + 9 * HOUR, end: MONDAY + 10 * HOUR, atLeast: 2, perHour: 2 };
    const [ann, bob] = [{ user: 'ann' }, { user: 'bob' }].map((tags) =>
      times(officeHours({ ...hour, series: [tags] })),
    );
    const next = times(
      officeHours({ ...hour, series: [{ user: 'ann' }], start: hour.start + HOUR, end: hour.end + HOUR }),
    );
    const seed = times(officeHours({ ...hour, series: [{ user: 'ann' }], seed: 2 }));

    expect(new Set([ann, bob, next, seed].map(String)).size).toBe(4);
  });

  it('keeps to working hours and days, unless it is told otherwise', () => {
    const days = (events: ReturnType<typeof officeHours>): number =>
      new Set(events.map(({ time }) => Math.floor((time - MONDAY) / DAY))).size;
    const hours = (events: ReturnType<typeof officeHours>): number =>
      new Set(events.map(({ time }) => Math.floor((time - MONDAY) / HOUR) % 24)).size;
    const always = officeHours({ ...OFFICE, hours: [0, 24], weekends: true, atLeast: 1 });

    expect([days(officeHours(OFFICE)), hours(officeHours(OFFICE))]).toEqual([5, 10]);
    expect([days(always), hours(always)]).toEqual([7, 24]);
  });

  it('counts a request after the shortest delay and before the longest', () => {
    const delays = officeHours({ ...OFFICE, delay: 300 }).map(({ time, visibleAt }) => visibleAt - time);

    expect(Math.min(...delays)).toBeGreaterThanOrEqual(300);
    expect(Math.max(...delays)).toBeLessThanOrEqual(600);
    expect(new Set(delays).size).toBeGreaterThan(100);
  });
});
