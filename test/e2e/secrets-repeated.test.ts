import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createEvidence } from './support/evidence.ts';
import { behindGateway, type Answer, type Asked } from './support/gateway.ts';
import { GIVEN, runCommands, runDaemon, sent, setUpGuarded } from './support/guarded.ts';
import { createPlace } from './support/place.ts';
import { anHourAgo, DAY, startVendor, type VendorId } from './support/vendor.ts';

test.each([
  ['refuse to let us in', refusal],
  ['refuse what we ask', (id: VendorId, asked: Asked) => (isLogin(asked) ? undefined : refusal(id, asked))],
])('no credential turns up when vendors %s and repeat all that was sent', async (_, answer) => {
  const { place, vendors } = await setUpGuarded();
  const evidence = createEvidence();
  for (const { id, gateway } of vendors) gateway.intercept((asked) => answer(id, asked));

  await runDaemon(place, vendors, evidence);
  await runCommands(place, evidence, [
    'check',
    'check --json',
    'collect --dry-run',
    'collect',
    'collect --json',
    'gaps --fill',
    'reconcile',
  ]);

  expect(evidence.search([...GIVEN, ...sent(vendors)])).toEqual([]);
});

const isLogin = ({ url }: Asked): boolean => url.includes('/auth/token');

/** The vendor's own way to say no, with the whole request in its message. */
function refusal(id: VendorId, { method, url, headers, body }: Asked): Answer {
  const message = ['no:', headers.authorization, headers['x-security-token'], body, method, url].join(' ');
  if (id === 'trae') return json(200, { code: 1001, message });
  if (id === 'r9s') return json(401, { meta: { code: 401, message } });
  if (id === 'volcengine-ark') {
    return json(401, { ResponseMetadata: { Error: { Code: 'SignatureDoesNotMatch', Message: message } } });
  }
  return json(200, { RetCode: 171, Message: message });
}

function json(status: number, body: object): Answer {
  return { status, body: JSON.stringify(body) };
}

const TOKEN = 'canary-of-influx-token';
const PASSWORD = 'canary-of-influx-password';

test.each([
  ['token', '2.7.1', { INFLUX_ORG: 'org', INFLUX_BUCKET: 'usage', INFLUX_TOKEN: TOKEN }],
  ['password', '1.6.7', { INFLUX_DATABASE: 'usage', INFLUX_USERNAME: 'me', INFLUX_PASSWORD: PASSWORD }],
])('nor the %s of InfluxDB, whatever the server answers', async (_, version, env) => {
  const place = createPlace();
  const end = anHourAgo();
  const vendor = await behindGateway(await startVendor('ucloud', { start: end - DAY, end }));
  place.addJob(vendor, { start: end - DAY });
  const { url, seen } = await startEchoing(version);
  Object.assign(place.env, { ...env, INFLUX_HOST: url, TOKENTIDE_LOG_LEVEL: 'trace' });
  const evidence = createEvidence();

  await runDaemon(place, [vendor], evidence);
  await runCommands(place, evidence, ['check', 'check --json']);
  await runCommands(place, evidence, ['collect']);
  await runCommands(place, evidence, ['reconcile', 'status --json', 'gaps']);

  const basic = Buffer.from(`me:${PASSWORD}`).toString('base64');
  expect(seen()).toMatch(new RegExp(`${TOKEN}|${basic}`));
  expect(evidence.search([TOKEN, PASSWORD, basic])).toEqual([]);
});

/** An InfluxDB that takes every other write, and repeats all that it was sent when it does not. */
async function startEchoing(version: string): Promise<{ url: string; seen: () => string }> {
  let writes = 0;
  let seen = '';
  const server = createServer((request, response) => {
    seen += String(request.headers.authorization);
    const isWrite = request.url?.includes('write');
    const isFine = request.url === '/ping' || (isWrite && writes++ % 2 === 0);
    response.writeHead(isFine ? 204 : isWrite ? 400 : 401, { 'x-influxdb-version': version });
    const message = `unable to parse: ${JSON.stringify(request.headers)}`;
    response.end(isFine ? '' : JSON.stringify({ code: 'invalid', message, error: message }));
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen: () => seen };
}
