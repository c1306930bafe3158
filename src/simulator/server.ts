import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stringify } from 'lossless-json';
import { calm, HOSTILE_NAME, hostileBody, type Fault, type FaultPlan } from './faults.ts';

export interface SimulatorRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  /** A fault that the handler simulates. */
  readonly fault: Fault | undefined;
}

export interface SimulatorReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a bigint as a bare integer. */
  readonly body: unknown;
}

export interface Vendor {
  /** The vendor's name of the requested action. */
  action(request: Omit<SimulatorRequest, 'fault'>): string;
  handle(request: SimulatorRequest): SimulatorReply;
  /** The vendor's answer with HTTP 200 when it is overloaded. */
  busy(request: SimulatorRequest): SimulatorReply;
  /** The vendor's answer to a failure on its side. */
  internalError(request: SimulatorRequest): SimulatorReply;
  /** The vendor's refusal of a request, with its reason. */
  refuse(request: SimulatorRequest, reason: string): SimulatorReply;
}

export interface Simulator {
  /** Base URL on loopback, without a trailing slash. */
  readonly url: string;
  /** Actions in the order of the requests. */
  readonly calls: readonly string[];
  /** Replaces the fault plan. */
  faults(plan: FaultPlan): void;
  close(): Promise<void>;
}

/** Starts one vendor on loopback. Port 0 (the default) selects a free port. */
export async function serve(
  vendor: Vendor,
  options: { port?: number; faults?: FaultPlan } = {},
): Promise<Simulator> {
  const calls: string[] = [];
  let plan = options.faults ?? calm;
  const server = createServer((incoming, response) => {
    void answer(incoming, response);
  });

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    const action = vendor.action(request);
    calls.push(action);
    const fault = plan(action);
    const full: SimulatorRequest = { ...request, fault };
    if (fault === 'hang') return;
    if (fault === 'rate_limited')
      return send(response, { status: 429, headers: { 'retry-after': '1' }, body: {} });
    if (fault === 'server_error')
      return send(response, { status: 503, body: { message: 'service unavailable' } });
    if (fault === 'html')
      return sendText(response, 502, '<html><body>Bad gateway</body></html>', 'text/html');
    const hostile = hostileBody(fault);
    if (hostile !== undefined) return sendText(response, 200, hostile, 'application/json');
    const reply = replyTo(vendor, full);
    if (fault !== 'cut_off') return send(response, reply);
    const text = stringify(reply.body) ?? '';
    return sendText(response, reply.status, text.slice(0, Math.floor(text.length / 2)), 'application/json');
  }

  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    faults: (next) => {
      plan = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function replyTo(vendor: Vendor, request: SimulatorRequest): SimulatorReply {
  switch (request.fault) {
    case 'error_in_200':
      return vendor.busy(request);
    case 'internal_error':
      return vendor.internalError(request);
    case 'hostile_message':
      return vendor.refuse(request, HOSTILE_NAME);
    default:
      return vendor.handle(request);
  }
}

async function readRequest(incoming: IncomingMessage): Promise<Omit<SimulatorRequest, 'fault'>> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : value,
    ]),
  );
  return {
    method: incoming.method ?? 'GET',
    url: new URL(incoming.url ?? '/', `http://${incoming.headers.host ?? '127.0.0.1'}`),
    headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

function send(response: ServerResponse, reply: SimulatorReply): void {
  response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
  response.end(stringify(reply.body));
}

function sendText(response: ServerResponse, status: number, text: string, type: string): void {
  response.writeHead(status, { 'content-type': type });
  response.end(text);
}
