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
  /** Books the host's next free slot and tells when it starts: at `nowMs`, or later. */
  reserve(host: string, spacingMs: number, nowMs: number): number;
  /** No slot booked from now on starts before `untilMs`; a shorter pause never ends a longer one. */
  pause(host: string, untilMs: number): void;
}

/** A slot book for one process. A clock that is set back takes the bookings back with it. */
export function memorySlots(): SlotBook {
  /** When the next slot starts, and the clock at the last booking. */
  const hosts = new Map<string, { next: number; seen: number }>();
  return {
    reserve: (host, spacingMs, nowMs) => {
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
export interface HostGate {
  readonly queue: LimitFunction;
  /** How many pauses there were: a slot booked before the last one is given up for a new one. */
  pauses: number;
}

/** The smallest concurrency that was asked for a host counts. */
export type HostGates = (host: string, concurrency: number) => HostGate;

export function hostGates(): HostGates {
  const gates = new Map<string, HostGate>();
  return (host, concurrency) => {
    const gate = gates.get(host) ?? { queue: pLimit(concurrency), pauses: 0 };
    if (concurrency < gate.queue.concurrency) gate.queue.concurrency = concurrency;
    gates.set(host, gate);
    return gate;
  };
}
