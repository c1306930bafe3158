import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, human-readable. */
  readonly reasons: readonly string[];
}

export interface ServerOptions {
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** 0 selects a free port. */
  readonly port: number;
  /** `contentType` is read after `text` has resolved. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** Body of `/healthz`. */
  readonly health: () => object;
  readonly ready: () => Readiness;
  /** Called when a page fails. */
  readonly onError?: (error: unknown) => void;
}

export interface Server {
  /** Without a trailing slash. */
  readonly url: string;
  close(): Promise<void>;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Serves `/healthz`, `/readyz` and `/metrics`. @throws Error if the address is in use. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { host = '127.0.0.1', port } = options;
  const server = createServer((request, response) => void answer(request, response, options));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServerOptions,
): Promise<void> {
  const { status, type, text: body } = await pageFor(request, options);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function pageFor(request: IncomingMessage, options: ServerOptions): Promise<Page> {
  const page = pages(options).get(request.url?.split('?')[0] ?? '');
  if (!page) return text(404, 'Not found. Available: /healthz, /readyz, /metrics.');
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return text(405, 'Only GET and HEAD are supported.');
  try {
    return await page();
  } catch (error) {
    options.onError?.(error);
    return text(500, 'Internal error; see the log.');
  }
}

function pages({ health, metrics, ready }: ServerOptions): Map<string, () => Page | Promise<Page>> {
  return new Map<string, () => Page | Promise<Page>>([
    ['/healthz', () => json(200, health())],
    [
      '/readyz',
      () => {
        const readiness = ready();
        return json(readiness.ready ? 200 : 503, readiness);
      },
    ],
    [
      '/metrics',
      async () => {
        const exposition = await metrics.text();
        return { status: 200, type: metrics.contentType, text: exposition };
      },
    ],
  ]);
}

function json(status: number, body: object): Page {
  return { status, type: 'application/json; charset=utf-8', text: `${JSON.stringify(body)}\n` };
}

function text(status: number, message: string): Page {
  return { status, type: 'text/plain; charset=utf-8', text: `${message}\n` };
}
