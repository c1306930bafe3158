import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A request as a service received it. */
export interface Received {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** The parsed body; `any`, because every service has its own. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** How a service answers: the checks of the real one, with its codes. */
export type Service = (received: Received) => Reply | Promise<Reply>;

export interface RunningService {
  readonly url: string;
  readonly received: readonly Received[];
}

/** Runs a service on loopback until the test ends. */
export async function startService(service: Service): Promise<RunningService> {
  const received: Received[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const { headers } = request;
    const parsed = { path: pathname, query: searchParams, headers, text, body: JSON.parse(text) as unknown };
    received.push(parsed);
    const { status = 200, headers: more = {}, body } = await service(parsed);
    response.writeHead(status, more);
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

/** HMAC-SHA256 by Web Crypto, which the code under test does not use. */
async function hmac(key: string, message: string): Promise<Buffer> {
  const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', encode(key), algorithm, false, ['sign']);
  return Buffer.from(await crypto.subtle.sign('HMAC', imported, encode(message)));
}

function isJson({ headers }: Received): boolean {
  return /^application\/json(;|$)/.test(headers['content-type'] ?? '');
}

/** Whether a service took more than `most` requests within `ms`. */
function rateLimit(most: number, ms: number, now: () => number): () => boolean {
  let times: number[] = [];
  return () => {
    times = [...times.filter((time) => time > now() - ms), now()];
    return times.length > most;
  };
}

const HOUR_MS = 3_600_000;

/** A robot of DingTalk: signature within an hour, 20 messages a minute, 20,000 bytes; every answer is HTTP 200. */
export function dingTalkService(token: string, secret: string, now: () => number): Service {
  const tooMany = rateLimit(20, 60_000, now);
  const answer = (errcode: number, errmsg: string): Reply => ({ body: { errcode, errmsg } });
  return async (received) => {
    const { path, query, body, text } = received;
    if (path !== '/robot/send' || query.get('access_token') !== token)
      return answer(300_005, 'token is not exist');
    if (!isJson(received)) return answer(43_004, 'invalid content type');
    const timestamp = query.get('timestamp') ?? '';
    if (!(Math.abs(Number(timestamp) - now()) < HOUR_MS)) return answer(310_000, 'invalid timestamp');
    const expected = (await hmac(secret, `${timestamp}\n${secret}`)).toString('base64');
    if (query.get('sign') !== expected) return answer(310_000, `sign not match, not ${query.get('sign')}`);
    if (Buffer.byteLength(text) > 20_000) return answer(460_101, 'message too long');
    if (body.msgtype !== 'markdown' || !body.markdown.title || !body.markdown.text)
      return answer(40_035, 'lack of parameter');
    return tooMany() ? answer(410_100, 'send too fast, exceed 20 times per minute') : answer(0, 'ok');
  };
}

/** A robot of WeCom: 20 messages a minute, 4,096 bytes of markdown; every answer is HTTP 200. */
export function weComService(key: string, now: () => number): Service {
  const tooMany = rateLimit(20, 60_000, now);
  const answer = (errcode: number, errmsg: string): Reply => ({ body: { errcode, errmsg } });
  return (received) => {
    const { path, query, body } = received;
    if (path !== '/cgi-bin/webhook/send' || query.get('key') !== key)
      return answer(93_000, `invalid webhook url, key: ${query.get('key')}`);
    if (!isJson(received) || body.msgtype !== 'markdown') return answer(40_008, 'invalid message type');
    if (Buffer.byteLength(body.markdown.content as string) > 4096)
      return answer(40_058, 'markdown.content exceed max length 4096');
    return tooMany() ? answer(45_009, 'api freq out of limit') : answer(0, 'ok');
  };
}

/** A robot of Feishu: signature in the body, five messages a second, 20 KB; every answer is HTTP 200. */
export function feishuService(hook: string, secret: string, now: () => number): Service {
  const tooMany = rateLimit(5, 1000, now);
  const answer = (code: number, msg: string): Reply => ({ body: { code, msg, data: {} } });
  return async (received) => {
    const { path, body, text } = received;
    if (path !== `/open-apis/bot/v2/hook/${hook}`)
      return answer(19_001, 'param invalid: incoming webhook access token invalid');
    if (!isJson(received) || Buffer.byteLength(text) > 20_480 || body.msg_type !== 'interactive')
      return answer(9499, 'Bad Request');
    const expected = (await hmac(`${body.timestamp}\n${secret}`, '')).toString('base64');
    if (body.sign !== expected || !(Math.abs(Number(body.timestamp) * 1000 - now()) < HOUR_MS))
      return answer(19_021, 'sign match fail or timestamp is not within one hour from current time');
    return tooMany() ? answer(11_232, 'frequency limited psm') : answer(0, 'success');
  };
}

/** An incoming webhook of Slack: one message a second, limits of blocks. */
export function slackService(path: string, now: () => number): Service {
  const tooMany = rateLimit(1, 1000, now);
  return (received) => {
    if (received.path !== path) return { status: 404, body: 'no_service' };
    if (!isJson(received)) return { status: 400, body: 'invalid_payload' };
    const blocks = received.body.blocks as { type: string; text: { text: string } }[];
    const fits = blocks.every(({ type, text }) => text.text.length <= (type === 'header' ? 150 : 3000));
    if (!fits || !received.body.text) return { status: 400, body: 'invalid_blocks' };
    return tooMany()
      ? { status: 429, headers: { 'retry-after': '1' }, body: 'rate_limited' }
      : { body: 'ok' };
  };
}

/** The Events API of PagerDuty. */
export function pagerDutyService(routingKey: string): Service {
  return (received) => {
    const { path, body, text } = received;
    const errors = [
      ...(body.routing_key === routingKey
        ? []
        : ["Length of 'routing_key' is incorrect (should be 32 characters)"]),
      ...(body.payload?.summary?.length > 1024 ? ["'payload.summary' is too long"] : []),
      ...(['critical', 'error', 'warning', 'info'].includes(body.payload?.severity)
        ? []
        : ["'payload.severity' is invalid"]),
      ...(body.dedup_key?.length > 255 ? ["'dedup_key' is too long"] : []),
      ...(['trigger', 'resolve', 'acknowledge'].includes(body.event_action)
        ? []
        : ["'event_action' is invalid"]),
    ];
    if (path !== '/v2/enqueue' || !isJson(received)) return { status: 404, body: '' };
    if (Buffer.byteLength(text) > 512_000) return { status: 413, body: '' };
    if (errors.length > 0)
      return { status: 400, body: { status: 'invalid event', message: 'Event object is invalid', errors } };
    return {
      status: 202,
      body: { status: 'success', message: 'Event processed', dedup_key: body.dedup_key },
    };
  };
}

/** The API of Alertmanager, behind a proxy with authentication. */
export function alertmanagerService(authorization: string): Service {
  return (received) => {
    const { path, headers, body } = received;
    if (headers.authorization !== authorization)
      return { status: 401, body: `no access with ${headers.authorization}` };
    if (path !== '/api/v2/alerts' || !isJson(received)) return { status: 404, body: 'not found' };
    const [{ labels, annotations, startsAt, endsAt }] = body;
    const texts = [...Object.values(labels as object), ...Object.values(annotations as object)];
    const names = Object.keys(labels as object);
    const isValid =
      texts.every((text) => typeof text === 'string') &&
      names.every((name) => /^[a-zA-Z_]\w*$/.test(name)) &&
      [startsAt, endsAt].every((time) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time as string)) &&
      startsAt <= endsAt;
    return isValid ? { body: '' } : { status: 400, body: '"bad alert"' };
  };
}

/** A receiver of the generic webhook, as docs/notifications.md tells its authors to check requests. */
export function webhookService(secret: string, now: () => number): Service {
  return async ({ headers, text }) => {
    const timestamp = String(headers['x-tokentide-timestamp']);
    if (!(Math.abs(Number(timestamp) * 1000 - now()) <= 300_000)) return { status: 400, body: 'too old' };
    const expected = `sha256=${(await hmac(secret, `${timestamp}.${text}`)).toString('hex')}`;
    if (headers['x-tokentide-signature'] !== expected)
      return { status: 401, body: `signature ${String(headers['x-tokentide-signature'])} differs` };
    return { status: 204, body: '' };
  };
}
