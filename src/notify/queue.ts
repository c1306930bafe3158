import { setMaxListeners } from 'node:events';
import type { Notifications } from '../ledger/notifications.ts';
import { digestOf } from './digest.ts';
import type { Language, Message } from './message.ts';
import type { Outcome } from './outcome.ts';
import { jitterMs, nextStep, paceOf, retryDelayMs, type Gate, type Waiting } from './pace.ts';
import type { Route } from './route.ts';
import { sendMessage, type SendIo } from './send.ts';
import type { Sender } from './sender.ts';

/** A channel as the queue needs it. */
export interface QueueChannel extends Route {
  readonly kind: string;
  readonly language: Language;
  readonly sender: Sender;
}

/** A message for one channel, in its language. */
export interface Addressed {
  readonly channel: string;
  readonly message: Message;
}

/** `retry` and `refused` messages are sent again later, the latter in case that the channel was corrected meanwhile. */
export type QueueEvent =
  | { readonly type: 'sent' | 'expired'; readonly channel: string; readonly messages: number }
  | {
      readonly type: 'retry' | 'refused';
      readonly channel: string;
      readonly messages: number;
      readonly answer: string;
      readonly hint?: string;
    }
  /** An error inside the program, or of the ledger. */
  | { readonly type: 'error'; readonly channel: string; readonly error: unknown };

export interface QueueOptions {
  readonly notifications: Notifications;
  readonly channels: ReadonlyMap<string, QueueChannel>;
  readonly io: Omit<SendIo, 'signal'>;
  readonly onEvent: (event: QueueEvent) => void;
}

export interface Queue {
  /** On disk on return, or with the ledger's transaction that it is part of. @throws LedgerError */
  enqueue(messages: readonly Addressed[]): void;
  /** Ends what is being sent; it is sent again after the next start. */
  stop(): Promise<void>;
}

/** After an error that is not the channel's. */
const AFTER_ERROR_MS = 60_000;

/** Sends what the ledger holds for each channel, independently of the others, until stopped. */
export function startQueue({ notifications, channels, io, onEvent }: QueueOptions): Queue {
  const stopped = new AbortController();
  // Every running request adds a listener.
  setMaxListeners(0, stopped.signal);
  const workers = new Map(
    [...channels].map(([name, channel]) => {
      const bell = createBell();
      const worker = { name, channel, notifications, io, onEvent, bell, signal: stopped.signal };
      return [name, { bell, ended: work(worker) }] as const;
    }),
  );
  return {
    enqueue: (messages) => {
      const queuedAt = Math.floor(io.now() / 1000);
      notifications.add(
        messages.map(({ channel, message }) => ({
          channel,
          id: message.id,
          incident: message.incident,
          message: JSON.stringify(message),
          queuedAt,
        })),
      );
      for (const { channel } of messages) workers.get(channel)?.bell.ring();
    },
    stop: async () => {
      stopped.abort();
      for (const { bell } of workers.values()) bell.ring();
      await Promise.all([...workers.values()].map(({ ended }) => ended));
    },
  };
}

interface Worker {
  readonly name: string;
  readonly channel: QueueChannel;
  readonly notifications: Notifications;
  readonly io: Omit<SendIo, 'signal'>;
  readonly onEvent: (event: QueueEvent) => void;
  readonly bell: Bell;
  readonly signal: AbortSignal;
}

/** Never rejects. */
async function work(worker: Worker): Promise<void> {
  const { name, channel, notifications, io, onEvent, bell, signal } = worker;
  const pace = paceOf(channel.kind);
  const { everyMs } = pace;
  const jitter = jitterMs(io.random());
  let notBeforeMs = 0;
  /** What has to be written to the ledger before anything else is sent: otherwise it would be sent again. */
  let unwritten: (() => void) | undefined;
  while (!signal.aborted) {
    let waitMs: number | undefined;
    try {
      unwritten?.();
      unwritten = undefined;
      const last = notifications.lastSent(name);
      const gate: Gate = {
        route: channel,
        pace,
        notBeforeMs: Math.max(notBeforeMs, last === undefined ? 0 : last * 1000 + everyMs),
        jitterMs: jitter,
      };
      const nowMs = io.now();
      const step = nextStep(waitingFor(name, notifications), gate, nowMs);
      if (step.step === 'give-up') {
        notifications.end(sequencesOf(step.messages), 'expired', Math.floor(nowMs / 1000));
        onEvent({ type: 'expired', channel: name, messages: step.messages.length });
        continue;
      }
      if (step.step === 'send') {
        const outcome = await send(step.messages, worker);
        const delay = delayAfter(outcome, step.messages, io);
        notBeforeMs = io.now() + Math.max(everyMs, outcome.result === 'retry' ? delay : 0);
        report(outcome, step.messages.length, worker);
        unwritten = () => write(outcome, step.messages, delay, worker);
        unwritten();
        unwritten = undefined;
        continue;
      }
      waitMs = step.step === 'wait' ? step.untilMs - nowMs : undefined;
    } catch (error) {
      if (signal.aborted) return;
      onEvent({ type: 'error', channel: name, error });
      waitMs = AFTER_ERROR_MS;
    }
    await bell.wait(waitMs, io.sleep);
  }
}

function waitingFor(name: string, notifications: Notifications): Waiting[] {
  return notifications.waiting(name).map(({ sequence, queuedAt, retryAt, attempts, message }) => ({
    sequence,
    queuedAtMs: queuedAt * 1000,
    retryAtMs: retryAt * 1000,
    attempts,
    message: JSON.parse(message) as Message,
  }));
}

function sequencesOf(messages: readonly Waiting[]): number[] {
  return messages.map(({ sequence }) => sequence);
}

async function send(messages: readonly Waiting[], { channel, io, signal }: Worker): Promise<Outcome> {
  const message = digestOf(messages.map((waiting) => waiting.message));
  return sendMessage(channel.sender, message, { ...io, signal });
}

function delayAfter(outcome: Outcome, messages: readonly Waiting[], { random }: Worker['io']): number {
  const attempts = Math.max(...messages.map((message) => message.attempts));
  return retryDelayMs(attempts, random(), outcome.result === 'retry' ? outcome.afterMs : undefined);
}

function write(
  { result }: Outcome,
  messages: readonly Waiting[],
  delayMs: number,
  { notifications, io }: Worker,
): void {
  const sequences = sequencesOf(messages);
  if (result === 'sent') notifications.end(sequences, 'sent', Math.floor(io.now() / 1000));
  else notifications.postpone(sequences, Math.ceil((io.now() + delayMs) / 1000));
}

function report(outcome: Outcome, messages: number, { name: channel, onEvent }: Worker): void {
  if (outcome.result === 'sent') return onEvent({ type: 'sent', channel, messages });
  const { answer } = outcome;
  if (outcome.result === 'retry') return onEvent({ type: 'retry', channel, messages, answer });
  onEvent({
    type: 'refused',
    channel,
    messages,
    answer,
    ...(outcome.hint !== undefined && { hint: outcome.hint }),
  });
}

interface Bell {
  /** Ends the wait, or the next one. */
  ring(): void;
  /** Until it rings, or the time is up. */
  wait(ms: number | undefined, sleep: SendIo['sleep']): Promise<void>;
}

function createBell(): Bell {
  let rung = false;
  let waiting: AbortController | undefined;
  return {
    ring: () => {
      rung = true;
      waiting?.abort();
    },
    wait: async (ms, sleep) => {
      waiting = new AbortController();
      const { signal } = waiting;
      if (rung) waiting.abort();
      try {
        await (ms === undefined ? aborted(signal) : sleep(ms, signal));
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        rung = false;
        waiting = undefined;
      }
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
