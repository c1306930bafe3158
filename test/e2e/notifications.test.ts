import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { grafanaWebhook } from '../support/grafana-webhook.ts';
import { startService, webhookService, type Received } from '../support/notify-services.ts';
import { until, urlOf, type Running } from '../support/process.ts';
import { createPlace, type Place } from './support/place.ts';
import { anHourAgo, HOUR, startVendor } from './support/vendor.ts';

const TOKEN = 'canary-relay-token';
const SECRET = 'canary-webhook-secret';

/** A collector with a channel `own` at this address. */
async function placeWith(url: string): Promise<Place> {
  const end = anHourAgo();
  const place = createPlace();
  place.addJob(await startVendor('r9s', { start: end - HOUR, end }), { start: end - HOUR });
  writeFileSync(
    join(place.folder, 'alerts.yaml'),
    'channels:\n  own: {kind: webhook, url: "${HOOK_URL}", secret: "${HOOK_SECRET}"}\n  off: {kind: slack, url: "${UNSET}"}\n',
  );
  Object.assign(place.env, {
    HOOK_URL: url,
    HOOK_SECRET: SECRET,
    TOKENTIDE_RELAY_TOKEN: TOKEN,
    TOKENTIDE_LOG_LEVEL: 'trace',
  });
  return place;
}

async function relay(daemon: Running, body: unknown): Promise<{ status: number; text: string }> {
  const response = await fetch(`${await urlOf(daemon)}/api/v1/relay/own`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

const idOf = ({ headers }: Received): unknown => headers['x-tokentide-id'];

test('a message whose collector is killed before it knows the answer is sent again, and then no more', async () => {
  const check = webhookService(SECRET, Date.now);
  let silent = true;
  // A real receiver that has taken the message, while its answer never arrives.
  const service = await startService((received) => (silent ? new Promise(() => undefined) : check(received)));
  const place = await placeWith(`${service.url}/canary-path`);
  const first = place.start(['run']);

  const queued = await relay(first, grafanaWebhook());
  await until('the message has arrived', () => service.received.length === 1, { by: first });
  first.kill('SIGKILL');
  await first.ended;
  silent = false;
  const second = place.start(['run']);
  const counted = await until('the metric counts it', async () => {
    const text = await (await fetch(`${await urlOf(second)}/metrics`)).text();
    return text.includes('tokentide_notifications_total{channel="own",result="sent"} 1') && text;
  });
  await relay(second, grafanaWebhook({ status: 'resolved' }));
  await until('the end has arrived', () => service.received.length === 3, { by: second });
  second.kill('SIGTERM');
  await second.ended;

  expect(queued.status).toBe(202);
  const { id } = JSON.parse(queued.text) as { id: string };
  expect(service.received.map(idOf).slice(0, 2)).toEqual([id, id]);
  expect(service.received.map(({ body }) => body.state)).toEqual(['open', 'open', 'closed']);
  const printed = [first, second].map(({ stdout, stderr }) => stdout + stderr).join('');
  expect(printed).toContain('UNSET is not set');
  expect(printed + counted).not.toContain('canary');
});

test('a channel that is down is one line of the log, and the collector polls and stops as always', async () => {
  const service = await startService(() => ({ status: 503, body: 'canary-path is down' }));
  const place = await placeWith(`${service.url}/canary-path`);
  const daemon = place.start(['run']);

  const queued = await relay(daemon, grafanaWebhook());
  const ready = async (): Promise<boolean> => (await fetch(`${await urlOf(daemon)}/readyz`)).status === 200;
  await until('the job has been polled', ready, { by: daemon });
  await until('the failure is logged', () => daemon.stdout.includes('messages not delivered'), {
    by: daemon,
  });
  daemon.kill('SIGTERM');
  const { code } = await daemon.ended;

  expect([queued.status, code]).toEqual([202, 0]);
  expect(daemon.stdout.match(/"messages not delivered; they are sent again for 24 h"/g)).toHaveLength(1);
  expect(daemon.stdout).not.toContain('canary');
});
