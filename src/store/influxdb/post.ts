import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { HttpError, InfluxDB, type Transport } from '@influxdata/influxdb-client';
import { withDeadline } from '../../lib/deadline.ts';
import type { Connection } from './connection.ts';
import { networkFault } from './unavailable.ts';

/** What the server said, before it is believed. */
export interface Answer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Sends compressed lines of line protocol in one request, once. @throws Unavailable when no whole answer came */
export type Post = (body: Buffer, signal: AbortSignal) => Promise<Answer>;

const gzipped = promisify(gzip);
// Level 1 takes half the time of the default and leaves an eighth instead of a tenth.
const COMPRESSION = { level: constants.Z_BEST_SPEED };

/** The body of a request, compressed beside everything else that goes on. */
export function compress(lines: Buffer): Promise<Buffer> {
  return gzipped(lines, COMPRESSION);
}

/**
 * The client of InfluxDB without the part that batches, waits, tries again and so loses or reorders points: of it we
 * use the transport alone. See docs/decisions/0010-influxdb-writes.md.
 */
export function createPost(connection: Connection, timeoutMs: number): { post: Post; close: () => void } {
  const agent = new (connection.url.startsWith('https:') ? HttpsAgent : HttpAgent)({ keepAlive: true });
  const { transport } = new InfluxDB({
    url: connection.url,
    // Its own time-out would leave the request running, to be stored after a later one.
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

/** Resolves to any answer, whatever its status. @throws the fault of the network */
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
    // Typed for a string, but it makes a Buffer of whatever it gets.
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
