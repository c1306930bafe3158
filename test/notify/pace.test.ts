import { SEVERITIES } from '../../src/usage/catalogue.ts';
import { describe, expect, it, test } from 'vitest';
import { jitterMs, nextStep, paceOf, retryDelayMs, type Gate, type Waiting } from '../../src/notify/pace.ts';
import type { Message } from '../../src/notify/message.ts';
import { messageOf } from '../support/notify-message.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Ten minutes past the hour. */
const NOW = Date.parse('2026-11-24T06:10:00Z');

const gate = (kind: string, more: Partial<Gate> = {}): Gate => ({
  route: { severities: SEVERITIES },
  pace: paceOf(kind),
  notBeforeMs: 0,
  jitterMs: 20_000,
  ...more,
});

/** Messages of the incidents `a`, `b`, ... queued now. */
const waiting = (...changes: (Partial<Message> & Partial<Omit<Waiting, 'message'>>)[]): Waiting[] =>
  changes.map(({ retryAtMs = 0, queuedAtMs = NOW, ...message }, index) => ({
    sequence: index + 1,
    queuedAtMs,
    retryAtMs,
    attempts: 0,
    message: messageOf(message),
  }));

/** What is done: `send 1,2`, `wait 30000`, `give-up 1`, `idle`. */
function step(messages: readonly Waiting[], at: Gate, nowMs = NOW): string {
  const next = nextStep(messages, at, nowMs);
  if (next.step === 'idle') return 'idle';
  if (next.step === 'wait') return `wait ${next.untilMs - nowMs}`;
  return `${next.step} ${next.messages.map(({ sequence }) => sequence).join()}`;
}

test('without messages, nothing is to be done', () => {
  expect(step([], gate('slack'))).toBe('idle');
});

describe('messages for people', () => {
  const three = waiting({ incident: 'a' }, { incident: 'b' }, { incident: 'c' });

  it.each(['dingtalk', 'wecom', 'feishu', 'slack', 'email'])('are sent together: %s', (kind) => {
    expect(step(three, gate(kind))).toBe('send 1,2,3');
  });

  it.each(['webhook', 'alertmanager', 'pagerduty'])('of programs are sent one at a time: %s', (kind) => {
    expect(step(three, gate(kind))).toBe('send 1');
  });

  it('wait until a minute after the one before', () => {
    expect(step(three, gate('slack', { notBeforeMs: NOW + MINUTE }))).toBe('wait 60000');
    expect(paceOf('dingtalk').everyMs).toBe(MINUTE);
  });
});

describe('after the full hour', () => {
  const one = waiting({ queuedAtMs: NOW - HOUR });

  it.each([
    ['slack', '2026-11-24T07:00:00Z', 'wait 20000'],
    ['slack', '2026-11-24T07:00:19Z', 'wait 1000'],
    ['slack', '2026-11-24T07:00:20Z', 'send 1'],
    ['slack', '2026-11-24T06:59:59Z', 'send 1'],
    ['slack', '2026-11-24T06:30:00Z', 'send 1'],
    ['feishu', '2026-11-24T06:30:00Z', 'wait 20000'],
    ['feishu', '2026-11-24T07:00:00Z', 'wait 20000'],
    ['pagerduty', '2026-11-24T07:00:00Z', 'wait 20000'],
  ])('%s waits at %s: %s', (kind, time, expected) => {
    expect(step(one, gate(kind), Date.parse(time))).toBe(expected);
  });

  it('the delay is between 10 and 50 seconds', () => {
    expect([0, 0.5, 0.999_99].map(jitterMs)).toEqual([10_000, 30_000, 49_999]);
  });
});

describe('quiet hours', () => {
  const quiet = gate('slack', {
    route: {
      severities: SEVERITIES,
      quiet_hours: { from: 22 * 60, to: 8 * 60, zone: 'UTC', severities: ['notice'] },
    },
  });

  it('hold back notices until they end, and no pages', () => {
    const messages = waiting({ incident: 'a', severity: 'notice' }, { incident: 'b', severity: 'page' });

    expect(step(messages, quiet)).toBe('send 2');
    expect(step(messages.slice(0, 1), quiet)).toBe(`wait ${110 * MINUTE}`);
    expect(step(messages, quiet, Date.parse('2026-11-24T08:00:20Z'))).toBe('send 1,2');
  });

  it('do not let an incident begin after it has become a page', () => {
    const messages = waiting(
      { incident: 'a', severity: 'notice' },
      { incident: 'b', severity: 'notice' },
      { incident: 'a', severity: 'page' },
    );

    expect(step(messages, quiet)).toBe('send 1,3');
  });
});

describe('a message that was not taken', () => {
  const refused = waiting({ incident: 'a', retryAtMs: NOW + MINUTE }, { incident: 'b' }, { incident: 'a' });

  it('is sent again later, and the newer ones of its incident wait for it', () => {
    expect(step(refused, gate('slack'))).toBe('send 2');
    expect(step(refused, gate('pagerduty'))).toBe('send 2');
    expect(step(refused, gate('slack'), NOW + MINUTE)).toBe('send 1,2,3');
    expect(step(refused.slice(0, 1), gate('slack'))).toBe('wait 60000');
  });

  it('is given up after 24 hours', () => {
    const old = waiting({ queuedAtMs: NOW - 24 * HOUR, retryAtMs: NOW + HOUR }, { incident: 'b' });

    expect(step(old, gate('slack'))).toBe('give-up 1');
    expect(step(old, gate('slack'), NOW - 1)).toBe('send 2');
    expect(step(old.slice(0, 1), gate('slack'), NOW - 5)).toBe('wait 5');
  });

  it('is tried again after one minute, then two, up to half an hour', () => {
    expect([0, 1, 2, 5, 50].map((attempts) => retryDelayMs(attempts, 1))).toEqual(
      [1, 2, 4, 30, 30].map((minutes) => minutes * MINUTE),
    );
    expect(retryDelayMs(0, 0)).toBe(MINUTE / 2);
  });

  it('is tried again when the server says, within an hour', () => {
    expect(retryDelayMs(9, 0.5, 600_000)).toBe(600_000);
    expect(retryDelayMs(0, 0.5, 86_400_000)).toBe(HOUR);
  });
});
