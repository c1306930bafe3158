import { describe, expect, test } from 'vitest';
import { pollInterval, validateSchedule } from '../../src/schedule/expression.ts';

describe('validateSchedule', () => {
  test.each([
    '*/5 * * * *',
    '@hourly',
    '0 9-18 * * MON-FRI',
    '0 0 1 * *',
    '0 0 1 * ?',
    '30 */5 * * * *',
    '  7 3 * * * ',
  ])('accepts %j', (expression) => {
    expect(validateSchedule(expression, 'Asia/Shanghai')).toBeUndefined();
  });

  test.each([
    ['*/5 * * *', 'UTC', '"*/5 * * *" is not a cron expression: expected 5 or 6 fields but got 4.'],
    ['61 * * * *', 'UTC', 'minute "61" is out of range'],
    ['0 0 * * 9', 'UTC', 'day of week "9" is out of range'],
    ['0 0 30 2 *', 'UTC', 'day of month "30" is out of range'],
    ['61 25 * * *', 'UTC', 'minute "61" is out of range; hour "25" is out of range'],
    ['@every 5m', 'UTC', 'is not a cron expression'],
    ['', 'UTC', 'is not a cron expression'],
    ['5m', 'UTC', 'Every 5 minutes is "*/5 * * * *".'],
    ['0 0 1 * MON', 'UTC', 'sets both day of month and day of week'],
    ['0 0 0 1-7 * 1', 'UTC', 'sets both day of month and day of week'],
    ['0 0 31W 2 *', 'UTC', '"0 0 31W 2 *" never runs.'],
    [
      '*/5 * * * *',
      'Asia/Shangai',
      '"Asia/Shangai" is not a time zone. Write it like "UTC" or "Asia/Shanghai".',
    ],
  ])('refuses %j in %s', (expression, zone, problem) => {
    expect(validateSchedule(expression, zone)).toContain(problem);
  });
});

describe('pollInterval', () => {
  test.each([
    ['*/5 * * * *', 300],
    ['*/20 * * * * *', 20],
    ['0 * * * *', 3600],
    ['0 9-18 * * 1-5', 3600],
    ['0,10 8 * * *', 600],
    ['15 3 * * *', 86_400],
    ['0 0 1,3 * *', 2 * 86_400],
  ])('of %j is %i s', (expression, seconds) => {
    expect(pollInterval(expression, 'UTC')).toBe(seconds);
  });
});
