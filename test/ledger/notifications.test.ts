import { expect, test } from 'vitest';
import type { NewNotification } from '../../src/ledger/notifications.ts';
import { reopened } from '../support/ledger-file.ts';

const DAY = 86_400;

const messageFor = (channel: string, id: string, queuedAt = 100): NewNotification => ({
  channel,
  id,
  incident: 'i',
  message: `{"id":"${id}"}`,
  queuedAt,
});

test('messages wait in the order in which they were queued, each once per channel', () => {
  const { notifications } = reopened((ledger) => {
    ledger.notifications.add([messageFor('a', '2'), messageFor('b', '2'), messageFor('a', '1')]);
    ledger.notifications.add([messageFor('a', '2', 500)]);
  });

  expect(notifications.waiting('a').map(({ id, message, queuedAt }) => [id, message, queuedAt])).toEqual([
    ['2', '{"id":"2"}', 100],
    ['1', '{"id":"1"}', 100],
  ]);
  expect(notifications.channelsWithWaiting()).toEqual(['a', 'b']);
});

test('a message that ended waits no more, and its incident keeps it for 90 days', () => {
  const { notifications } = reopened((ledger) => {
    ledger.notifications.add([messageFor('a', '1'), messageFor('a', '2')]);
    const [first, second] = ledger.notifications.waiting('a').map(({ sequence }) => sequence);
    ledger.notifications.postpone([first!], 200);
    ledger.notifications.end([first!], 'sent', 300);
    ledger.notifications.postpone([second!], 400);
  });

  expect(notifications.ofIncident('i')).toEqual([
    { channel: 'a', id: '1', queuedAt: 100, attempts: 2, endedAt: 300, result: 'sent' },
    { channel: 'a', id: '2', queuedAt: 100, attempts: 1 },
  ]);
  expect(notifications.waiting('a')).toMatchObject([{ id: '2', attempts: 1, retryAt: 400 }]);
  expect([notifications.lastSent('a'), notifications.lastSent('b')]).toEqual([300, undefined]);

  const { sequence } = notifications.waiting('a')[0]!;
  notifications.end([sequence], 'expired', 300 + 90 * DAY);
  expect(notifications.ofIncident('i').map(({ id }) => id)).toEqual(['1', '2']);
  notifications.add([messageFor('a', '3')]);
  notifications.end([notifications.waiting('a')[0]!.sequence], 'expired', 301 + 90 * DAY);
  expect(notifications.ofIncident('i').map(({ id, result }) => [id, result])).toEqual([
    ['2', 'expired'],
    ['3', 'expired'],
  ]);
});

test('they are part of a transaction, and stay when a job is forgotten', () => {
  const ledger = reopened((before) => {
    const { notifications } = before;
    before.commit(() => notifications.add([messageFor('a', '1')]));
    expect(() =>
      before.commit(() => {
        notifications.add([messageFor('a', '2')]);
        throw new RangeError('no');
      }),
    ).toThrow(RangeError);
  });

  ledger.forget('a');

  expect(ledger.notifications.waiting('a').map(({ id }) => id)).toEqual(['1']);
});
