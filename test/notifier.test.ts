import { expect, onTestFinished, test } from 'vitest';
import type { Channel } from '../src/config/alert-channels.ts';
import { readSettings } from '../src/config/settings.ts';
import { openLedger } from '../src/ledger/ledger.ts';
import { Secret } from '../src/lib/secret.ts';
import { deliveryLog, startNotifier } from '../src/notifier.ts';
import type { NotifiedEvent } from '../src/notify/incident.ts';
import type { QueueEvent } from '../src/notify/queue.ts';
import { createLogger } from '../src/observe/log.ts';

test('a channel that fails is one line, and its recovery is one', () => {
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    destination: { write: (line) => lines.push((JSON.parse(line) as { msg: string }).msg) },
  });
  const record = deliveryLog(log);
  const retry: QueueEvent = { type: 'retry', channel: 'ops', messages: 1, answer: 'HTTP 503' };
  const sent: QueueEvent = { type: 'sent', channel: 'ops', messages: 1 };

  for (const event of [sent, retry, { ...retry, type: 'refused' } as const, sent, sent, retry]) record(event);
  record({ ...retry, channel: 'other' });
  record({ type: 'expired', channel: 'ops', messages: 2 });

  const failed = 'messages not delivered; they are sent again for 24 h';
  expect(lines).toEqual([
    failed,
    'the channel takes messages again',
    failed,
    failed,
    'messages were given up: not delivered within 24 h',
  ]);
});

test('an incident is queued with its change, for the channels that take it and those that were told', () => {
  const ledger = openLedger(':memory:');
  const channel = (severities: Channel['severities']): Channel => ({
    kind: 'webhook',
    // Nothing listens there.
    url: new Secret('http://127.0.0.1:1'),
    language: 'en',
    severities,
  });
  const notifier = startNotifier({
    settings: readSettings({}),
    channels: new Map([
      ['notices', channel(['notice'])],
      ['pages', channel(['page'])],
    ]),
    ledger,
    log: createLogger({ level: 'silent' }),
    metrics: { record: () => undefined },
    now: () => 1_800_000_000_000,
  });
  onTestFinished(() => notifier.stop());
  const incident = {
    id: 'a-7f3k',
    rule: 'spike_key',
    severity: 'notice',
    tags: { provider: 'ucloud', account: 'main' },
    value: 3,
    expected: 1,
    limit: 2,
    text: 'more than usual',
    opened: 1_799_999_000,
  } as const;
  const notify = (event: NotifiedEvent): void => ledger.commit(() => notifier.notify(event));

  notify({ change: 'opened', incident });
  expect(() =>
    ledger.commit(() => {
      notifier.notify({ change: 'closed', incident });
      throw new RangeError('the incident was not written');
    }),
  ).toThrow(RangeError);
  notify({ change: 'escalated', incident: { ...incident, severity: 'page' } });

  expect(ledger.notifications.ofIncident('a-7f3k').map(({ channel, id }) => `${channel} ${id}`)).toEqual([
    'notices a-7f3k-opened-1800000000',
    'notices a-7f3k-escalated-1800000000',
    'pages a-7f3k-escalated-1800000000',
  ]);
});
