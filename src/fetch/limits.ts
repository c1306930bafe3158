import pLimit, { type LimitFunction } from 'p-limit';

/** How fast one host may be asked. A provider's `RateLimit` is one. */
export interface HostLimit {
  /** Requests per second on average. */
  readonly perSecond: number;
  /** Requests under way at once. */
  readonly concurrency: number;
}

/** When the next request to each host may start, shared by all that ask it. Epoch milliseconds throughout. */
export interface RateLimiter {
  /** Books the host's next free slot and tells when it starts: at `nowMs`, or later. */
  acquire(host: string, spacingMs: number, nowMs: number): number;
  /** No slot booked from now on starts before `untilMs`; a shorter pause never ends a longer one. */
  pause(host: string, untilMs: number): void;
}

/** A slot book for one process. A clock that is set back takes the bookings back with it. */
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

/** What the calls of one process to one host share. */
export interface ConcurrencyLimiter {
  readonly queue: LimitFunction;
  /** How many pauses there were: a slot booked before the last one is given up for a new one. */
  generation: number;
}

/** The smallest concurrency that was asked for a host counts. */
export type ConcurrencyLimiters = (host: string, concurrency: number) => ConcurrencyLimiter;

export function concurrencyLimiters(): ConcurrencyLimiters {
  const limiters = new Map<string, ConcurrencyLimiter>();
  return (host, concurrency) => {
    const limiter = limiters.get(host) ?? { queue: pLimit(concurrency), generation: 0 };
    if (concurrency < limiter.queue.concurrency) limiter.queue.concurrency = concurrency;
    limiters.set(host, limiter);
    return limiter;
  };
}
