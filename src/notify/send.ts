import type { Message } from './message.ts';
import type { Outcome } from './outcome.ts';
import type { NotifyIo, Sender } from './sender.ts';

export interface SendIo extends NotifyIo {
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to 1. */
  readonly random: () => number;
}

const ATTEMPTS = 3;
const FIRST_BACK_OFF_MS = 1000;
/** A longer wait is left to the caller. */
const LONGEST_WAIT_MS = 10_000;

/** Sends a message, with a few attempts where the network or the server has a short problem. */
export async function sendMessage(sender: Sender, message: Message, io: SendIo): Promise<Outcome> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await sender.send(message, io);
    if (outcome.result !== 'retry' || attempt === ATTEMPTS) return outcome;
    const wait = outcome.afterMs ?? Math.ceil(io.random() * FIRST_BACK_OFF_MS * 2 ** (attempt - 1));
    if (wait > LONGEST_WAIT_MS) return outcome;
    await io.sleep(wait, io.signal);
  }
}
