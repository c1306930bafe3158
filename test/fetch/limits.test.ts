import { describe, expect, it } from 'vitest';
import { memoryRateLimiter } from '../support/memory-rate-limiter.ts';
import { parseRetryAfter } from '../../src/fetch/retry-after.ts';

describe('a rate limiter in memory', () => {
  it('spaces the requests to each host', () => {
    const rateLimiter = memoryRateLimiter();

    const starts = [0, 0, 10, 500].map((now) => rateLimiter.acquire('a', 100, now));

    expect(starts).toEqual([0, 100, 200, 500]);
    expect(rateLimiter.acquire('b', 100, 0)).toBe(0);
  });

  it('keeps the longest pause', () => {
    const rateLimiter = memoryRateLimiter();

    rateLimiter.pause('a', 5000);
    rateLimiter.pause('a', 3000);

    expect(rateLimiter.acquire('a', 100, 1000)).toBe(5000);
    expect(rateLimiter.acquire('a', 100, 1000)).toBe(5100);
  });

  it('does not stall when the clock is set back', () => {
    const rateLimiter = memoryRateLimiter();
    rateLimiter.acquire('a', 100, 1_000_000);

    expect(rateLimiter.acquire('a', 100, 1000)).toBe(1100);
  });
});

it.each([
  { header: null, wait: undefined },
  { header: '', wait: undefined },
  { header: '120', wait: 120_000 },
  { header: ' 1.5 ', wait: 1500 },
  { header: '-5', wait: undefined },
  { header: 'soon', wait: undefined },
  { header: 'Thu, 01 Oct 2026 00:01:00 GMT', wait: 60_000 },
  { header: 'Thu, 01 Oct 2026 00:00:00 GMT', wait: 0 },
  { header: 'Thu, 01 Oct 2020 00:00:00 GMT', wait: 0 },
])('parses Retry-After: $header', ({ header, wait }) => {
  expect(parseRetryAfter(header, Date.parse('2026-10-01T00:00:00Z'))).toBe(wait);
});
