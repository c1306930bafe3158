/** When the next request to each host may start, shared by all that call it. Milliseconds since the epoch. */
export interface RateLimiter {
  /** Books the host's next free slot. @returns when it starts: `nowMs` or later */
  acquire(host: string, spacingMs: number, nowMs: number): number;
  /** No slot booked from now on starts before `untilMs`; a shorter pause never ends a longer one. */
  pause(host: string, untilMs: number): void;
}
