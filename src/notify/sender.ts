import type { Message } from './message.ts';
import type { Outcome } from './outcome.ts';

/** Network and clock; replaced in tests. */
export interface NotifyIo {
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A configured channel. */
export interface Sender {
  /** One attempt. Never throws for what the network or the server does; no text of the outcome holds a credential. */
  send(message: Message, io: NotifyIo): Promise<Outcome>;
}
