import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { constants, gzip } from 'node:zlib';
import { HttpError, InfluxDB, setLogger, type Transport } from '@influxdata/influxdb-client';
import { withDeadline } from '../../fetch/signals.ts';
import type { Connection } from './connection.ts';
import { networkFault } from './unavailable.ts';

/** What the server said, before it is believed. */
export interface Answer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Sends lines of line protocol in one request. @throws Unavailable when no whole answer came */
export type Post = (lines: string, signal: AbortSignal) => Promise<Answer>;

/**
 * The client of InfluxDB, kept from everything that makes it lose or reorder points: it gets a whole chunk as one
 * record and sends it in one flush; it never batches, waits or tries again. See docs/decisions/influxdb-writes.md.
 */
export function createPost(connection: Connection, timeoutMs: number): { post: Post; close: () => void } {
  // It would print to the console what we report ourselves.
  setLogger({ error: () => {}, warn: () => {} });
  const agent = new (connection.url.startsWith('https:') ? HttpsAgent : HttpAgent)({ keepAlive: true });
  const client = { url: connection.url, timeout: timeoutMs, transportOptions: { agent } };
  const { transport } = new InfluxDB(client);

  async function send(lines: string, signal: AbortSignal): Promise<Answer> {
    const seen: Seen = { status: undefined, headers: {}, body: '' };
    const watched = watch(transport, connection.authorize(), signal, seen);
    const writer = new InfluxDB({ ...client, transport: watched }).getWriteApi('', '', 's', {
      // More than the one record it ever holds, so that only `flush` sends.
      batchSize: 2,
      maxBatchBytes: Infinity,
      flushInterval: 0,
      maxRetries: 0,
    });
    writer.path = connection.writePath;
    writer.writeRecord(lines);
    try {
      await writer.flush();
    } catch (error) {
      if (!(error instanceof HttpError) || seen.status === undefined) {
        throw networkFault(signal.aborted ? signal.reason : error, connection);
      }
      seen.body ||= error.body ?? '';
    }
    return { status: seen.status ?? 0, headers: seen.headers, body: seen.body };
  }

  return {
    post: (lines, signal) => withDeadline(signal, timeoutMs, (deadline) => send(lines, deadline)),
    close: () => agent.destroy(),
  };
}

interface Seen {
  status: number | undefined;
  headers: Answer['headers'];
  body: string;
}

/**
 * The client's own transport, but faster at compressing, stopping when told, and showing the answer: the client takes
 * any 201 for a success and does not show what else the server says in a 2xx.
 */
function watch(
  transport: Transport,
  authorization: Record<string, string>,
  signal: AbortSignal,
  seen: Seen,
): Transport {
  return {
    chunkCombiner: transport.chunkCombiner,
    request: transport.request.bind(transport),
    iterate: transport.iterate.bind(transport),
    send(path, lines, { method, headers }, callbacks = {}) {
      const options = {
        method,
        headers: { ...headers, ...authorization, 'content-encoding': 'gzip' },
        signal,
      };
      const observed: typeof callbacks = {
        ...callbacks,
        responseStarted(answerHeaders, status) {
          seen.status = status;
          seen.headers = answerHeaders;
          callbacks.responseStarted?.(answerHeaders, status);
        },
        next(part) {
          seen.body += Buffer.from(part).toString();
          return callbacks.next?.(part);
        },
      };
      // Level 1 takes half the time of the default and leaves an eighth instead of a tenth.
      gzip(lines, { level: constants.Z_BEST_SPEED }, (error, body) => {
        if (error) callbacks.error?.(error);
        // Typed for a string, but it makes a Buffer of whatever it gets.
        else transport.send(path, body as unknown as string, options, observed);
      });
    },
  };
}
