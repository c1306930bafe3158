import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { HttpError, InfluxDB, type Transport } from '@influxdata/influxdb-client';
import { withDeadline } from '../../lib/deadline.ts';
import type { Connection } from './connection.ts';
import { networkFault } from './unavailable.ts';

/** The answer of a server, before validation. */
export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Sends compressed line protocol in one request, once. @throws Unavailable if there is no complete answer */
export type Post = (body: Buffer, signal: AbortSignal) => Promise<Answer>;

const gzipped = promisify(gzip);
// Level 1 takes half the time of the default level, for an eighth instead of a tenth of the size.
const COMPRESSION = { level: constants.Z_BEST_SPEED };

/** The compressed body of a request; zlib works in its own thread. */
export function compress(lines: Buffer): Promise<Buffer> {
  return gzipped(lines, COMPRESSION);
}

/**
 * Only the transport of the InfluxDB client: its batching and retrying may lose or reorder points. See
 * docs/decisions/0010-influxdb-writes.md.
 */
export function createPost(connection: Connection, timeoutMs: number): { post: Post; close: () => void } {
  const agent = new (connection.url.startsWith('https:') ? HttpsAgent : HttpAgent)({ keepAlive: true });
  const { transport } = new InfluxDB({
    url: connection.url,
    // The client's timeout would not cancel the request, which could be stored after a later one.
    timeout: 0,
    transportOptions: { agent },
  });

  function post(body: Buffer, signal: AbortSignal): Promise<Answer> {
    return withDeadline(signal, timeoutMs, async (deadline) => {
      try {
        return await send(transport, connection, body, deadline);
      } catch (error) {
        throw networkFault(deadline.aborted ? deadline.reason : error, connection);
      }
    });
  }

  return { post, close: () => agent.destroy() };
}

/** @returns the answer, whatever its status @throws the network error */
function send(
  transport: Transport,
  connection: Connection,
  body: Buffer,
  signal: AbortSignal,
): Promise<Answer> {
  const headers = {
    ...connection.authorize(),
    'content-type': 'text/plain; charset=utf-8',
    'content-encoding': 'gzip',
  };
  return new Promise((resolve, reject) => {
    let answer: Answer = { status: 0, headers: {}, body: '' };
    // Typed as a string, but the transport accepts any argument of Buffer.from.
    const bytes = body as unknown as string;
    transport.send(
      connection.writePath,
      bytes,
      { method: 'POST', headers, signal },
      {
        responseStarted: (answerHeaders, status = 0) => {
          answer = { ...answer, status, headers: answerHeaders };
        },
        next: (part) => {
          answer = { ...answer, body: answer.body + Buffer.from(part).toString() };
        },
        complete: () => resolve(answer),
        error: (error) => {
          if (error instanceof HttpError) resolve({ ...answer, body: error.body ?? '' });
          else reject(error);
        },
      },
    );
  });
}
