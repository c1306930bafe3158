import pLimit, { type LimitFunction } from 'p-limit';

/** How fast one host may be called. A provider's `RateLimit` is one. */
export interface HostLimit {
  /** Requests per second on average. */
  readonly perSecond: number;
  /** Requests in progress at the same time. */
  readonly concurrency: number;
}

/** Shared by all calls of one process to one host. */
export interface ConcurrencyLimiter {
  readonly queue: LimitFunction;
  /** The number of pauses. A slot that was booked before the last pause is replaced by a new one. */
  generation: number;
}

/** The limiter of a host. The smallest concurrency requested for the host applies. */
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
