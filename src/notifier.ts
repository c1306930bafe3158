import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Channel } from './config/alert-channels.ts';
import type { Settings } from './config/settings.ts';
import type { Ledger } from './ledger/ledger.ts';
import { grafanaMessage } from './notify/grafana.ts';
import { messagesOf, type NotifiedEvent } from './notify/incident.ts';
import { createSender } from './notify/index.ts';
import { startQueue, type QueueEvent } from './notify/queue.ts';
import type { Logger } from './observe/log.ts';
import type { LazyMetrics } from './observe/lazy-metrics.ts';
import { NOTIFICATION_RESULTS } from './observe/metrics.ts';
import type { RelayOptions } from './observe/relay.ts';

export interface NotifierOptions {
  readonly settings: Settings;
  readonly channels: ReadonlyMap<string, Channel>;
  /** Address of Grafana for links in messages. */
  readonly grafanaUrl?: string | undefined;
  readonly ledger: Pick<Ledger, 'notifications'>;
  readonly log: Logger;
  readonly metrics: Pick<LazyMetrics, 'record'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Sends messages to the channels of a running collector. */
export interface Notifier {
  /** Queues the messages about an incident, in the ledger's transaction if there is one. @throws LedgerError */
  notify(event: NotifiedEvent): void;
  readonly relay: RelayOptions;
  stop(): Promise<void>;
}

export function startNotifier(options: NotifierOptions): Notifier {
  const { settings, channels, grafanaUrl, ledger, log, metrics, now } = options;
  metrics.record(({ notifications }) => {
    for (const channel of channels.keys())
      for (const result of NOTIFICATION_RESULTS) notifications.inc({ channel, result }, 0);
  });
  const unknown = ledger.notifications.channelsWithWaiting().filter((name) => !channels.has(name));
  if (unknown.length > 0)
    log.warn({ channels: unknown }, 'messages wait for channels that are not configured');
  const logEvent = deliveryLog(log);
  const queue = startQueue({
    notifications: ledger.notifications,
    channels: new Map(
      [...channels].map(([name, channel]) => [name, { ...channel, sender: createSender(channel) }]),
    ),
    io: {
      fetch: globalThis.fetch,
      now,
      timeoutMs: settings.timeoutMs,
      sleep: (ms, signal) => delay(ms, undefined, { signal }),
      random: Math.random,
    },
    onEvent: (event) => {
      const { type: result } = event;
      if (result !== 'error')
        metrics.record(({ notifications }) =>
          notifications.inc({ channel: event.channel, result }, event.messages),
        );
      logEvent(event);
    },
  });
  return {
    notify: (event) => {
      const at = Math.floor(now() / 1000);
      const before = ledger.notifications.ofIncident(event.incident.id);
      const told = new Set(before.map(({ channel }) => channel));
      queue.enqueue(messagesOf(event, { channels, told, grafanaUrl, at }));
    },
    relay: {
      token: settings.relayToken,
      channels: [...channels.keys()],
      take: (name, body) => {
        const result = grafanaMessage(body, randomUUID(), channels.get(name)!.language);
        if ('problem' in result) return result;
        queue.enqueue([{ channel: name, message: result.message }]);
        return { id: result.message.id };
      },
    },
    stop: () => queue.stop(),
  };
}

/** One line when a channel stops to take messages, and one when it takes them again. */
export function deliveryLog(log: Pick<Logger, 'debug' | 'info' | 'error'>): (event: QueueEvent) => void {
  const failing = new Set<string>();
  return (event) => {
    const { type, ...details } = event;
    const { channel } = event;
    if (type === 'expired') return log.error(details, 'messages were given up: not delivered within 24 h');
    if (type === 'sent') {
      if (failing.delete(channel)) return log.info(details, 'the channel takes messages again');
      return log.debug(details, 'messages sent');
    }
    if (failing.has(channel)) return log.debug(details, 'messages not delivered');
    failing.add(channel);
    log.error(details, 'messages not delivered; they are sent again for 24 h');
  };
}
