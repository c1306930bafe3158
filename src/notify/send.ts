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

type Retry = Outcome & { readonly result: 'retry' };

/** An outcome as p-retry takes it: never leaves this file. */
const asError = (outcome: Retry): Error => new Error(outcome.answer, { cause: outcome });

function outcomeOf(error: unknown): Retry | undefined {
  const cause = error instanceof Error ? (error.cause as Partial<Retry> | undefined) : undefined;
  return cause?.result === 'retry' ? (cause as Retry) : undefined;
}

/** Sends a message, with a few attempts where the network or the server has a short problem. */
export async function sendMessage(sender: Sender, message: Message, io: SendIo): Promise<Outcome> {
  const attempt = async (): Promise<Outcome> => {
    const outcome = await sender.send(message, io);
    if (outcome.result === 'retry') throw asError(outcome);
    return outcome;
  };
  try {
    return await pRetry(attempt, {
      retries: ATTEMPTS - 1,
      // `wait` does the waiting, because there it can be injected and cancelled.
      minTimeout: 0,
      shouldRetry: ({ error }) =>
        (outcomeOf(error)?.afterMs ?? (outcomeOf(error) ? 0 : Infinity)) <= LONGEST_WAIT_MS,
      onFailedAttempt: async ({ error, attemptNumber, retriesLeft }) => {
        const outcome = outcomeOf(error);
        if (!outcome || retriesLeft === 0) return;
        const wait = outcome.afterMs ?? Math.ceil(io.random() * FIRST_BACK_OFF_MS * 2 ** (attemptNumber - 1));
        if (wait <= LONGEST_WAIT_MS) await io.sleep(wait, io.signal);
      },
    });
  } catch (error) {
    const outcome = outcomeOf(error);
    if (outcome) return outcome;
    throw error;
  }
}
