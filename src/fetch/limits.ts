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
  /** Requests per second on average. */
  perSecond: number;
  /** The number of pauses. A slot that was booked before the last pause is replaced by a new one. */
  generation: number;
}

/** The limiter of a host. The lowest rate and concurrency of all jobs of the host apply. */
export type ConcurrencyLimiters = (host: string, limit: HostLimit) => ConcurrencyLimiter;

export function concurrencyLimiters(): ConcurrencyLimiters {
  const limiters = new Map<string, ConcurrencyLimiter>();
  return (host, { perSecond, concurrency }) => {
    const limiter = limiters.get(host) ?? { queue: pLimit(concurrency), perSecond, generation: 0 };
    if (concurrency < limiter.queue.concurrency) limiter.queue.concurrency = concurrency;
    limiter.perSecond = Math.min(limiter.perSecond, perSecond);
    limiters.set(host, limiter);
    return limiter;
  };
}
