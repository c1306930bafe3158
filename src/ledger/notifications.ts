import { joinTransaction, type LedgerDatabase } from './database.ts';

/** A message for one channel. Times are Unix seconds. */
export interface NewNotification {
  readonly channel: string;
  /** The same message is queued once per channel. */
  readonly id: string;
  readonly incident: string;
  /** JSON. */
  readonly message: string;
  readonly queuedAt: number;
}

export interface WaitingNotification extends NewNotification {
  /** Order in which messages were queued. */
  readonly sequence: number;
  readonly attempts: number;
  /** Not to be sent before. */
  readonly retryAt: number;
}

/** `sent`: the service took it. `expired`: given up. */
export type NotificationResult = 'sent' | 'expired';

/** A message and its outcome. */
export interface Delivery {
  readonly channel: string;
  readonly id: string;
  readonly queuedAt: number;
  readonly attempts: number;
  /** Both absent while it waits. */
  readonly endedAt?: number;
  readonly result?: NotificationResult;
}

/** Messages to channels: those that wait, and for some time those that were sent. */
export interface Notifications {
  /** All or none of them; durable on return, or with the transaction that it is part of. */
  add(messages: readonly NewNotification[]): void;
  /** In the order in which they were queued. */
  waiting(channel: string): WaitingNotification[];
  channelsWithWaiting(): string[];
  /** Ends messages, and removes those that ended long before. */
  end(sequences: readonly number[], result: NotificationResult, at: number): void;
  postpone(sequences: readonly number[], retryAt: number): void;
  /** When the channel last took a message. */
  lastSent(channel: string): number | undefined;
  /** All messages of an incident, the oldest first. */
  ofIncident(incident: string): Delivery[];
}

/** How long messages that ended are kept, seconds. */
const KEPT = 90 * 86_400;

export function createNotifications(db: LedgerDatabase): Notifications {
  const insert = db.prepare(
    'INSERT OR IGNORE INTO notification (channel, id, incident, message, queued_at) VALUES (?, ?, ?, ?, ?)',
  );
  const selectWaiting = db
    .prepare(
      `SELECT sequence, channel, id, incident, message, queued_at, attempts, retry_at
       FROM notification WHERE channel = ? AND ended_at IS NULL ORDER BY sequence`,
    )
    .raw();
  const selectChannels = db
    .prepare('SELECT DISTINCT channel FROM notification WHERE ended_at IS NULL ORDER BY channel')
    .raw();
  const updateEnd = db.prepare(
    "UPDATE notification SET ended_at = ?, result = ?, attempts = attempts + (? = 'sent') WHERE sequence = ?",
  );
  const remove = db.prepare('DELETE FROM notification WHERE ended_at < ?');
  const updateRetry = db.prepare(
    'UPDATE notification SET attempts = attempts + 1, retry_at = ? WHERE sequence = ?',
  );
  const selectLast = db
    .prepare("SELECT max(ended_at) FROM notification WHERE channel = ? AND result = 'sent'")
    .raw();
  const selectIncident = db
    .prepare(
      `SELECT channel, id, queued_at, attempts, ended_at, result
       FROM notification WHERE incident = ? ORDER BY sequence`,
    )
    .raw();
  return {
    add: (messages) =>
      joinTransaction(db, () => {
        for (const { channel, id, incident, message, queuedAt } of messages)
          insert.run(channel, id, incident, message, queuedAt);
      }),
    waiting: (name) =>
      (selectWaiting.all(name) as [number, string, string, string, string, number, number, number][]).map(
        ([sequence, channel, id, incident, message, queuedAt, attempts, retryAt]) => ({
          sequence,
          channel,
          id,
          incident,
          message,
          queuedAt,
          attempts,
          retryAt,
        }),
      ),
    channelsWithWaiting: () => (selectChannels.all() as [string][]).map(([channel]) => channel),
    end: (sequences, result, at) =>
      joinTransaction(db, () => {
        for (const sequence of sequences) updateEnd.run(at, result, result, sequence);
        remove.run(at - KEPT);
      }),
    postpone: (sequences, retryAt) =>
      joinTransaction(db, () => {
        for (const sequence of sequences) updateRetry.run(retryAt, sequence);
      }),
    lastSent: (channel) => (selectLast.get(channel) as [number | null])[0] ?? undefined,
    ofIncident: (incident) =>
      (
        selectIncident.all(incident) as [
          string,
          string,
          number,
          number,
          number | null,
          NotificationResult | null,
        ][]
      ).map(([channel, id, queuedAt, attempts, endedAt, result]) => ({
        channel,
        id,
        queuedAt,
        attempts,
        ...(endedAt !== null && { endedAt }),
        ...(result !== null && { result }),
      })),
  };
}
