import pLimit, { type LimitFunction } from 'p-limit';

/** How fast one host may be asked. A provider's `RateLimit` is one. */
export interface HostLimit {
  /** Requests per second on average. */
  readonly perSecond: number;
  /** Requests under way at once. */
  readonly concurrency: number;
}

/** When the next request to each host may start, shared by all that ask it. Epoch milliseconds throughout. */
export interface SlotBook {
  /** Books the next free slot of a host and resolves the instant it starts: `nowMs`, or later. */
  reserve(host: string, spacingMs: number, nowMs: number): number;
  /** No slot of the host starts before `untilMs`; a shorter pause never ends a longer one. */
  pause(host: string, untilMs: number): void;
  /** When the host's pause ends; 0 where it never had one. A slot booked before the pause is given up for a new one. */
  pausedUntil(host: string): number;
}

interface Booking {
  /** When the next slot starts. */
  free: number;
  paused: number;
  /** The clock at the last booking. */
  seen: number;
}

/** A slot book for one process. A clock that is set back takes the bookings back with it. */
export function memorySlots(): SlotBook {
  const hosts = new Map<string, Booking>();
  const entry = (host: string): Booking => {
    const booking = hosts.get(host) ?? { free: 0, paused: 0, seen: 0 };
    hosts.set(host, booking);
    return booking;
  };
  return {
    reserve: (host, spacingMs, nowMs) => {
      const slots = entry(host);
      const back = Math.max(0, slots.seen - nowMs);
      slots.paused -= back;
      slots.seen = nowMs;
      const start = Math.max(nowMs, slots.free - back, slots.paused);
      slots.free = start + spacingMs;
      return start;
    },
    pause: (host, untilMs) => {
      const slots = entry(host);
      slots.paused = Math.max(slots.paused, untilMs);
    },
    pausedUntil: (host) => hosts.get(host)?.paused ?? 0,
  };
}

/** One queue per host, so that all jobs of a process keep to its concurrency together; the smallest one asked for counts. */
export type HostQueues = (host: string, concurrency: number) => LimitFunction;

export function hostQueues(): HostQueues {
  const queues = new Map<string, LimitFunction>();
  return (host, concurrency) => {
    const queue = queues.get(host) ?? pLimit(concurrency);
    if (concurrency < queue.concurrency) queue.concurrency = concurrency;
    queues.set(host, queue);
    return queue;
  };
}
