import { describe, expect, it } from 'vitest';
import { createWorkCalendar, hourTable } from '../../src/alerts/calendar.ts';

describe('the calendar of China', () => {
  const calendar = createWorkCalendar();

  it.each([
    ['2026-10-01', true, 'a holiday'],
    ['2026-10-10', false, 'a Saturday that is worked'],
    ['2026-10-17', true, 'a Saturday'],
    ['2026-10-16', false, 'a Friday'],
    ['2025-01-28', true, 'the Spring Festival'],
  ])('has %s as a rest day: %s (%s)', (date, rest) => {
    expect(calendar.isRestDay(date)).toBe(rest);
  });

  it('falls back to Monday to Friday in a year without a table, and says so', () => {
    expect(calendar.knowsYear(2026)).toBe(true);
    expect(calendar.knowsYear(2035)).toBe(false);
    expect(calendar.isRestDay('2035-10-01')).toBe(false);
    expect(calendar.isRestDay('2035-10-06')).toBe(true);
  });
});

describe('own dates', () => {
  it('replace what the table has', () => {
    const calendar = createWorkCalendar({ holidays: ['2026-10-10', '2026-10-12'], workdays: ['2026-10-02'] });

    expect(calendar.isRestDay('2026-10-10')).toBe(true);
    expect(calendar.isRestDay('2026-10-12')).toBe(true);
    expect(calendar.isRestDay('2026-10-02')).toBe(false);
  });

  it('are all that other countries have', () => {
    const calendar = createWorkCalendar({ country: 'none', holidays: ['2026-12-25'] });

    expect(calendar.isRestDay('2026-10-01')).toBe(false);
    expect(calendar.isRestDay('2026-12-25')).toBe(true);
    expect(calendar.knowsYear(2035)).toBe(true);
  });
});

describe('the table of hours', () => {
  it('has the local hour and day, also where a day has 23 hours', () => {
    const start = Date.UTC(2026, 2, 28, 10) / 1000;
    const hours = hourTable(start, 60, 'Europe/Berlin', createWorkCalendar({ country: 'none' }));

    expect(hours.dates).toEqual(['2026-03-28', '2026-03-29', '2026-03-30']);
    expect([...hours.dayStart]).toEqual([-11, 13, 36]);
    expect(hours.hour[13]).toBe(0);
    expect(hours.hour[15]).toBe(3);
    expect([...hours.rest]).toEqual([1, 1, 0]);
  });
});
