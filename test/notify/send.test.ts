import { expect, it } from 'vitest';
import type { Outcome } from '../../src/notify/outcome.ts';
import { sendMessage } from '../../src/notify/send.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { messageOf } from '../support/notify-message.ts';

const RETRY: Outcome = { result: 'retry', answer: 'HTTP 503' };
const SENT: Outcome = { result: 'sent', answer: 'HTTP 200' };

/** Sends to a channel with these outcomes, the last one forever. */
async function send(
  ...outcomes: Outcome[]
): Promise<{ outcome: Outcome; attempts: number; slept: readonly number[] }> {
  const clock = fakeClock();
  let attempts = 0;
  const sender = { send: async () => outcomes[Math.min(attempts++, outcomes.length - 1)]! };
  const { signal } = new AbortController();
  const io = { fetch, now: clock.now, timeoutMs: 1000, signal, sleep: clock.sleep, random: () => 0.5 };
  return { outcome: await sendMessage(sender, messageOf(), io), attempts, slept: clock.slept };
}

it('a short problem is retried after an increasing time', async () => {
  expect(await send(RETRY, RETRY, SENT)).toEqual({ outcome: SENT, attempts: 3, slept: [500, 1000] });
});

it('a long one ends after three attempts, for the caller to try again later', async () => {
  expect(await send(RETRY)).toEqual({ outcome: RETRY, attempts: 3, slept: [500, 1000] });
});

it('the time that the server asks to wait is kept', async () => {
  expect(await send({ ...RETRY, afterMs: 4000 }, SENT)).toEqual({
    outcome: SENT,
    attempts: 2,
    slept: [4000],
  });
});

it('a long time to wait is left to the caller', async () => {
  const later: Outcome = { ...RETRY, afterMs: 600_000 };

  expect(await send(later, SENT)).toEqual({ outcome: later, attempts: 1, slept: [] });
});

it('a refused message is not sent again', async () => {
  const failed: Outcome = { result: 'failed', answer: 'HTTP 404', hint: 'check' };

  expect(await send(failed, SENT)).toEqual({ outcome: failed, attempts: 1, slept: [] });
});

it('a fault in the program is not hidden', async () => {
  const io = { ...fakeClock(), fetch, timeoutMs: 1, signal: new AbortController().signal, random: () => 0 };
  const sender = { send: () => Promise.reject(new RangeError('bug')) };

  await expect(sendMessage(sender, messageOf(), io)).rejects.toThrow(RangeError);
});
