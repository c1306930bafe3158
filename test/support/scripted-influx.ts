import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface WriteRequest {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly lines: readonly string[];
}

/** Anything but a write. */
export interface OtherRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | object;
  /** Which lines are stored; all for 204, none for the rest. */
  readonly stores?: (line: string) => boolean;
  /** Takes the request, and then closes the connection or says nothing. */
  readonly ends?: 'drop' | 'hang';
}

const NO_ROWS: Reply = { status: 200, body: { results: [{}] } };

/**
 * A server that says what a test wants, and holds what it stored as InfluxDB does. It accepts the store's id and
 * shows none, so that a test sees only its own requests.
 */
export interface ScriptedInflux {
  readonly url: string;
  /** Writes in the order they came. */
  readonly writes: readonly WriteRequest[];
  /** Fields by series and time. */
  readonly stored: ReadonlyMap<string, string>;
  /** How the next writes are answered. */
  answer(reply: (request: WriteRequest, index: number) => Reply): void;
  /** How everything else is answered; with its version until then. */
  answerOthers(reply: (request: OtherRequest) => Reply): void;
  close(): Promise<void>;
}

/** @param version what it says at /ping, or undefined to say nothing */
export async function startScriptedInflux(version: string | undefined = '2.7.11'): Promise<ScriptedInflux> {
  const writes: WriteRequest[] = [];
  const stored = new Map<string, string>();
  let reply: (request: WriteRequest, index: number) => Reply = () => ({ status: 204 });
  let others: (request: OtherRequest) => Reply = () => ({
    headers: version === undefined ? {} : { 'x-influxdb-version': version },
  });

  const server = createServer((incoming, response) => void handle(incoming, response));

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { method = '', url: path = '', headers: sent } = incoming;
    if (!/^(\/api\/v2)?\/write\b/.test(path)) {
      const body = Buffer.concat(chunks).toString();
      const isMarker = body.includes('tokentide_store');
      send(response, isMarker ? NO_ROWS : others({ method, path, headers: sent, body }));
      return;
    }
    const text = gunzipSync(Buffer.concat(chunks)).toString();
    const request = { path, headers: sent, lines: text.split('\n').filter(Boolean) };
    if (text.startsWith('tokentide_store')) {
      send(response, { status: 204 });
      return;
    }
    writes.push(request);
    const answer = reply(request, writes.length - 1);
    const { status = 204, stores, ends } = answer;
    for (const line of request.lines) {
      if (stores ? stores(line) : status === 204) store(line);
    }
    if (ends === 'drop') return void incoming.socket.destroy();
    if (ends === 'hang') return;
    send(response, answer);
  }

  function store(line: string): void {
    const [series, fields, time] = line.split(/(?<!\\) /);
    stored.set(`${series} ${time}`, fields ?? '');
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    writes,
    stored,
    answer: (next) => {
      reply = next;
    },
    answerOthers: (next) => {
      others = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, { status = 204, headers, body = '' }: Reply): void {
  const json = typeof body === 'string' ? undefined : { 'content-type': 'application/json' };
  response.writeHead(status, { ...json, ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
