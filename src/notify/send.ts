import pRetry from 'p-retry';
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

class RetryLater extends Error {
  readonly outcome: Outcome & { readonly result: 'retry' };

  constructor(outcome: Outcome & { readonly result: 'retry' }) {
    super(outcome.answer);
    this.outcome = outcome;
  }
}

/** Sends a message, with a few attempts where the network or the server has a short problem. */
export async function sendMessage(sender: Sender, message: Message, io: SendIo): Promise<Outcome> {
  const attempt = async (): Promise<Outcome> => {
    const outcome = await sender.send(message, io);
    if (outcome.result === 'retry') throw new RetryLater(outcome);
    return outcome;
  };
  try {
    return await pRetry(attempt, {
      retries: ATTEMPTS - 1,
      // `wait` does the waiting, because there it can be injected and cancelled.
      minTimeout: 0,
      shouldRetry: ({ error }) =>
        error instanceof RetryLater && (error.outcome.afterMs ?? 0) <= LONGEST_WAIT_MS,
      onFailedAttempt: async ({ error, attemptNumber, retriesLeft }) => {
        if (!(error instanceof RetryLater) || retriesLeft === 0) return;
        const wait =
          error.outcome.afterMs ?? Math.ceil(io.random() * FIRST_BACK_OFF_MS * 2 ** (attemptNumber - 1));
        if (wait <= LONGEST_WAIT_MS) await io.sleep(wait, io.signal);
      },
    });
  } catch (error) {
    if (error instanceof RetryLater) return error.outcome;
    throw error;
  }
}
