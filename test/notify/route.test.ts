import { describe, expect, it } from 'vitest';
import { accepts, quietUntil, type QuietHours } from '../../src/notify/route.ts';
import { messageOf } from '../support/notify-message.ts';

const severities = ['notice', 'page'] as const;

it('a channel takes its severities and its teams', () => {
  const page = messageOf();

  expect(accepts({ severities }, page)).toBe(true);
  expect(accepts({ severities: ['notice'] }, page)).toBe(false);
  expect(accepts({ severities, teams: ['platform'] }, page)).toBe(true);
  expect(accepts({ severities, teams: ['data'] }, page)).toBe(false);
  expect(accepts({ severities, teams: ['platform'] }, messageOf({ tags: {} }))).toBe(false);
});

describe('quiet hours', () => {
  const night: QuietHours = { from: 22 * 60, to: 8 * 60, zone: 'Asia/Shanghai', severities: ['notice'] };
  const lunch: QuietHours = { ...night, from: 12 * 60, to: 13 * 60 + 30 };
  const until = (
    quiet_hours: QuietHours,
    time: string,
    severity: 'notice' | 'page' = 'notice',
  ): string | undefined => {
    const end = quietUntil({ severities, quiet_hours }, messageOf({ severity }), Date.parse(time) / 1000);
    return end === undefined ? undefined : new Date(end * 1000).toISOString();
  };

  it.each([
    [night, '2026-11-24T21:59:59+08:00', undefined],
    [night, '2026-11-24T22:00:00+08:00', '2026-11-25T00:00:00.000Z'],
    [night, '2026-11-25T07:59:59+08:00', '2026-11-25T00:00:00.000Z'],
    [night, '2026-11-25T08:00:00+08:00', undefined],
    [lunch, '2026-11-25T12:00:00+08:00', '2026-11-25T05:30:00.000Z'],
    [lunch, '2026-11-25T13:30:00+08:00', undefined],
    [lunch, '2026-11-25T11:59:00+08:00', undefined],
    // The clock goes back by an hour in the night of 25 October: 08:00 is at UTC+1.
    [{ ...night, zone: 'Europe/Berlin' }, '2026-10-24T22:30:00Z', '2026-10-25T07:00:00.000Z'],
  ])('%j at %s: %s', (hours, time, end) => {
    expect(until(hours, time)).toBe(end);
  });

  it('hold back only their severities', () => {
    expect(until(night, '2026-11-24T23:00:00+08:00', 'page')).toBeUndefined();
    expect(until({ ...night, severities: ['page'] }, '2026-11-24T23:00:00+08:00', 'page')).toBeDefined();
  });

  it('a channel without them is never quiet', () => {
    expect(quietUntil({ severities }, messageOf(), 0)).toBeUndefined();
  });
});
