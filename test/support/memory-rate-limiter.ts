import type { RateLimiter } from '../../src/lib/rate-limiter.ts';

/** Rate limits of one process. A clock that is set back takes the booked slots back with it. */
export function memoryRateLimiter(): RateLimiter {
  /** When the next slot starts, and the clock at the last booking. */
  const hosts = new Map<string, { next: number; seen: number }>();
  return {
    acquire: (host, spacingMs, nowMs) => {
      const { next, seen } = hosts.get(host) ?? { next: nowMs, seen: nowMs };
      const start = Math.max(nowMs, next - Math.max(0, seen - nowMs));
      hosts.set(host, { next: start + spacingMs, seen: nowMs });
      return start;
    },
    pause: (host, untilMs) => {
      const { next, seen } = hosts.get(host) ?? { next: 0, seen: 0 };
      hosts.set(host, { next: Math.max(next, untilMs), seen });
    },
  };
}
