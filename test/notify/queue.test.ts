import { describe, expect, it, onTestFinished, test } from 'vitest';
import { LedgerError } from '../../src/ledger/database.ts';
import { openLedger, type Ledger } from '../../src/ledger/ledger.ts';
import type { Message } from '../../src/notify/message.ts';
import type { Outcome } from '../../src/notify/outcome.ts';
import { startQueue, type Queue, type QueueChannel, type QueueEvent } from '../../src/notify/queue.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { messageOf } from '../support/notify-message.ts';

const START = Date.parse('2026-11-24T06:10:00Z');
const SENT: Outcome = { result: 'sent', answer: 'ok' };
/** Longer than `sendMessage` waits. */
const DOWN: Outcome = { result: 'retry', answer: 'HTTP 503', afterMs: 60_000 };
const REFUSED: Outcome = { result: 'failed', answer: 'HTTP 401', hint: 'Check the credentials.' };

type Answers = (message: Message, attempt: number) => Outcome | Promise<Outcome>;

interface Place {
  readonly ledger: Ledger;
  readonly clock: FakeClock;
  readonly queue: Queue;
  readonly events: readonly QueueEvent[];
  /** `ops m-1 +60`: the channel, the message, seconds after the start. */
  readonly sent: readonly string[];
  put(channel: string, ...messages: Partial<Message>[]): void;
}

function place(
  channels: Readonly<Record<string, { kind?: string; answers?: Answers } & Partial<QueueChannel>>>,
  { ledger = openLedger(':memory:'), clock = fakeClock(START) } = {},
): Place {
  const sent: string[] = [];
  const events: QueueEvent[] = [];
  const queue = startQueue({
    notifications: ledger.notifications,
    channels: new Map(
      Object.entries(channels).map(([name, { answers = () => SENT, ...channel }]) => {
        let attempt = 0;
        const send = async (message: Message): Promise<Outcome> => {
          sent.push(`${name} ${message.id} +${(clock.now() - START) / 1000}`);
          return answers(message, ++attempt);
        };
        const route = { severities: ['notice', 'page'], language: 'en' } as const;
        return [name, { kind: 'slack', ...route, ...channel, sender: { send } }];
      }),
    ),
    io: { fetch, now: clock.now, timeoutMs: 1000, sleep: clock.sleep, random: () => 1 },
    onEvent: (event) => events.push(event),
  });
  onTestFinished(() => queue.stop());
  const put = (channel: string, ...messages: Partial<Message>[]): void =>
    queue.enqueue(messages.map((message) => ({ channel, message: messageOf(message) })));
  return { ledger, clock, queue, events, sent, put };
}

/** Runs the workers and the fake clock until nothing waits any more. */
async function settle({ ledger }: Place): Promise<void> {
  for (let turn = 0; turn < 10_000; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (ledger.notifications.channelsWithWaiting().length === 0) return;
  }
  throw new Error('messages still wait');
}

test('a message is sent once, and is remembered with its incident', async () => {
  const here = place({ ops: {} });

  here.put('ops', { id: 'a' });
  await settle(here);

  expect(here.sent).toEqual(['ops a +0']);
  expect(here.ledger.notifications.ofIncident('i-1')).toEqual([
    { channel: 'ops', id: 'a', queuedAt: START / 1000, attempts: 1, endedAt: START / 1000, result: 'sent' },
  ]);
  expect(here.events).toEqual([{ type: 'sent', channel: 'ops', messages: 1 }]);
});

test('a message that is queued twice is sent once', async () => {
  const here = place({ ops: {} });

  here.put('ops', { id: 'a' }, { id: 'a' });
  await settle(here);
  here.put('ops', { id: 'a' });
  await settle(here);

  expect(here.sent).toEqual(['ops a +0']);
});

test('a message of a transaction that fails is not sent', async () => {
  const here = place({ ops: {} });

  expect(() =>
    here.ledger.commit(() => {
      here.put('ops', { id: 'a' });
      throw new RangeError('the incident was not written');
    }),
  ).toThrow(RangeError);
  await new Promise((resolve) => setImmediate(resolve));

  expect(here.sent).toEqual([]);
});

describe('a channel for people', () => {
  it('gets at most one message a minute: those that wait are one', async () => {
    const here = place({ ops: {} });

    here.put('ops', { id: 'a', incident: 'a' });
    await new Promise((resolve) => setImmediate(resolve));
    here.put('ops', { id: 'b', incident: 'b' }, { id: 'c', incident: 'c' });
    await settle(here);

    expect(here.sent).toEqual(['ops a +0', 'ops digest-b-c +60']);
    expect(here.events.map((event) => event.type !== 'error' && event.messages)).toEqual([1, 2]);
  });

  it('keeps to that after a restart', async () => {
    const first = place({ ops: {} });
    first.put('ops', { id: 'a', incident: 'a' });
    await settle(first);
    await first.queue.stop();

    const second = place({ ops: {} }, first);
    second.put('ops', { id: 'b', incident: 'b' });
    await settle(second);

    expect(second.sent).toEqual(['ops b +60']);
  });
});

test('a channel for programs gets each message, in order', async () => {
  const here = place({ pager: { kind: 'pagerduty' } });

  here.put('pager', { id: 'a' }, { id: 'b', state: 'closed' }, { id: 'c', incident: 'c' });
  await settle(here);

  expect(here.sent).toEqual(['pager a +0', 'pager b +1', 'pager c +2']);
});

describe('a channel that is down', () => {
  it('gets its messages in order when it is up again', async () => {
    const answers: Answers = (_, attempt) => (attempt <= 2 ? DOWN : SENT);
    const here = place({ hook: { kind: 'webhook', answers } });

    here.put('hook', { id: 'a' });
    await new Promise((resolve) => setImmediate(resolve));
    here.put('hook', { id: 'b', incident: 'b' });
    await settle(here);

    expect(here.sent).toEqual(['hook a +0', 'hook a +60', 'hook a +120', 'hook b +121']);
    expect(here.events.map(({ type }) => type)).toEqual(['retry', 'retry', 'sent', 'sent']);
  });

  it('is tried less and less often, and a message is given up after 24 hours', async () => {
    const here = place({
      hook: { kind: 'webhook', answers: () => ({ result: 'retry', answer: 'HTTP 503' }) },
    });

    here.put('hook', { id: 'a' });
    await settle(here);

    const times = here.events.filter(({ type }) => type === 'retry').length;
    expect(times).toBeGreaterThan(40);
    expect(times).toBeLessThan(60);
    expect(here.events.at(-1)).toEqual({ type: 'expired', channel: 'hook', messages: 1 });
    expect(here.clock.now() - START).toBe(86_400_000);
    expect(here.ledger.notifications.ofIncident('i-1')).toMatchObject([{ result: 'expired' }]);
  });

  it('delays no other channel', async () => {
    let answer: ((outcome: Outcome) => void) | undefined;
    const answers: Answers = () => new Promise((resolve) => (answer = resolve));
    const here = place({ stuck: { answers }, ops: {} });

    here.put('stuck', { id: 'a' });
    here.put('ops', { id: 'b' });
    await new Promise((resolve) => setImmediate(resolve));

    expect(here.sent).toEqual(['stuck a +0', 'ops b +0']);
    expect(here.ledger.notifications.channelsWithWaiting()).toEqual(['stuck']);
    answer!(SENT);
  });
});

test('a refused message does not stop those of other incidents, and is sent again', async () => {
  const answers: Answers = ({ id }, attempt) => (id === 'a' && attempt < 3 ? REFUSED : SENT);
  const here = place({ hook: { kind: 'webhook', answers } });

  here.put('hook', { id: 'a' }, { id: 'b', incident: 'b' });
  await settle(here);

  expect(here.sent).toEqual(['hook a +0', 'hook b +1', 'hook a +60']);
  expect(here.events[0]).toEqual({
    type: 'refused',
    channel: 'hook',
    messages: 1,
    answer: 'HTTP 401',
    hint: 'Check the credentials.',
  });
});

test('quiet hours hold a notice back until they end', async () => {
  const quiet_hours = { from: 0, to: 7 * 60, zone: 'UTC', severities: ['notice'] as const };
  const here = place({ ops: { quiet_hours } });

  here.put('ops', { id: 'a', severity: 'notice' });
  await settle(here);

  // And by the jitter after the full hour.
  expect(here.sent).toEqual(['ops a +3050']);
});

test('what was being sent when the queue stopped is sent after the next start', async () => {
  let answer: ((outcome: Outcome) => void) | undefined;
  const here = place({ ops: { answers: () => new Promise((resolve) => (answer = resolve)) } });
  here.put('ops', { id: 'a' });
  await new Promise((resolve) => setImmediate(resolve));
  const stopped = here.queue.stop();
  answer!(DOWN);
  await stopped;

  const next = place({ ops: {} }, here);
  await settle(next);

  expect(next.sent).toEqual(['ops a +60']);
});

test('a message that was taken is not sent again because the ledger could not be written', async () => {
  const here = place({ ops: {} });
  const original = { ...here.ledger.notifications };
  const failure = new LedgerError('the ledger cannot grow: the disk is full', 'Free some space.');
  let failures = 3;
  Object.assign(here.ledger.notifications, {
    end: (...values: Parameters<typeof original.end>) => {
      if (failures-- > 0) throw failure;
      original.end(...values);
    },
  });

  here.put('ops', { id: 'a' });
  await settle(here);

  expect(here.sent).toEqual(['ops a +0']);
  expect(here.events.filter(({ type }) => type === 'error')).toHaveLength(3);
});

test('a fault in the program is reported, and the message is kept', async () => {
  let attempts = 0;
  const answers: Answers = () => {
    if (attempts++ === 0) throw new RangeError('bug');
    return SENT;
  };
  const here = place({ ops: { answers } });

  here.put('ops', { id: 'a' });
  await settle(here);

  expect(here.sent).toEqual(['ops a +0', 'ops a +60']);
  expect(here.events[0]).toEqual({ type: 'error', channel: 'ops', error: expect.any(RangeError) });
});
