import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, text, type Page } from './page.ts';
import { relay, RELAY_PATH, type RelayOptions } from './relay.ts';

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
  /** Messages for channels that others send through this process. */
  readonly relay?: RelayOptions;
  /** Called when a page fails. */
  readonly onError?: (error: unknown) => void;
}

export interface Server {
  /** Without a trailing slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves `/healthz`, `/readyz`, `/metrics` and the relay. @throws Error if the address is in use. */
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
  const { status, type, text: body, headers } = await pageFor(request, options);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function pageFor(request: IncomingMessage, options: ServerOptions): Promise<Page> {
  const path = request.url?.split('?')[0] ?? '';
  try {
    if (options.relay && path.startsWith(RELAY_PATH))
      return await relay(request, path.slice(RELAY_PATH.length), options.relay);
    const page = pages(options).get(path);
    if (!page) return text(404, 'Not found. Available: /healthz, /readyz, /metrics.');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return text(405, 'Only GET and HEAD are supported.', { allow: 'GET, HEAD' });
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
