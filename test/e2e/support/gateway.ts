import { createServer, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Vendor } from './vendor.ts';

/** One request that came by. */
export interface Asked {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Undefined while the answer is on its way. */
  answer: Answer | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers?: IncomingHttpHeaders;
  readonly body: string;
}

/** A door in front of a simulator: it sees what goes through, and can answer itself. */
export interface Gateway {
  readonly asked: readonly Asked[];
  /** Asked for each request that comes in from now on; waits for the promise; an answer keeps it from the simulator. */
  intercept(by: (asked: Asked) => Answer | undefined | Promise<Answer | undefined>): void;
}

/** The vendor with a gateway in front of it. It is closed when the test ends. */
export async function behindGateway(vendor: Vendor): Promise<Vendor & { readonly gateway: Gateway }> {
  const asked: Asked[] = [];
  let intercept: Parameters<Gateway['intercept']>[0] = () => undefined;
  const server = createServer((incoming, response) => {
    void (async () => {
      const { method = 'GET', url = '/', headers } = incoming;
      const one: Asked = {
        at: Date.now(),
        method,
        url,
        headers,
        body: await textOf(incoming),
        answer: undefined,
      };
      asked.push(one);
      const {
        status,
        headers: more = {},
        body,
      } = (await intercept(one)) ?? (await forward(one, vendor.simulator.url));
      one.answer = { status, body };
      response.writeHead(status, { 'content-type': 'application/json', ...more });
      response.end(body);
    })().catch(() => response.destroy());
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...vendor,
    options: { ...vendor.options, base_url: url },
    gateway: { asked, intercept: (by) => void (intercept = by) },
  };
}

/** The `host` that was signed stays as it is. @throws where the simulator breaks the connection off */
function forward({ method, url, headers, body }: Asked, to: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const passed = request(to + url, { method, headers, agent: false }, (answer) => {
      const { statusCode: status = 0, headers: answerHeaders } = answer;
      const { 'content-length': _, 'transfer-encoding': __, connection: ___, ...kept } = answerHeaders;
      textOf(answer).then((text) => resolve({ status, headers: kept, body: text }), reject);
    });
    passed.once('error', reject);
    passed.end(body);
  });
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
