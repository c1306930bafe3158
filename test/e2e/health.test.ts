import { expect, test } from 'vitest';
import { until, urlOf } from '../support/process.ts';
import { behindGateway, type Answer } from './support/gateway.ts';
import { createPlace, storedSums, trueSums } from './support/place.ts';
import { anHourAgo, DAY, startVendor } from './support/vendor.ts';

interface Page {
  readonly status: number;
  readonly body: unknown;
}

async function page(url: string): Promise<Page> {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() };
}

/** The value of a metric's only series with these labels; undefined where there is none. */
function metric(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)));
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const found = lines.filter((line) => wanted.every((label) => line.includes(label)));
  expect(found.length, `${name} ${wanted.join()}`).toBeLessThanOrEqual(1);
  return found[0] === undefined ? undefined : Number(found[0].slice(found[0].lastIndexOf(' ')));
}

const LOCKED_OUT: Answer = {
  status: 401,
  body: JSON.stringify({ meta: { code: 401, message: 'key revoked' } }),
};

test('readiness and metrics follow a daemon from before its first poll through an outage', async () => {
  const end = anHourAgo();
  const start = end - DAY;
  const place = createPlace();
  const ucloud = await startVendor('ucloud', { start, end });
  const r9s = await behindGateway(await startVendor('r9s', { start, end }));
  place.addJob(ucloud, { start });
  place.addJob(r9s, { start, schedule: '* * * * * *' });
  r9s.simulator.faults(() => 'duplicate_rows');
  let open: (() => void) | undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  r9s.gateway.intercept(() => opened.then(() => undefined));

  const daemon = place.start(['run']);
  const url = await urlOf(daemon);
  await until('ucloud has been polled', async () => {
    const { body } = await page(`${url}/readyz`);
    return !JSON.stringify(body).includes('ucloud');
  });
  const before = await page(`${url}/readyz`);
  const alive = await page(`${url}/healthz`);
  open?.();
  await until('all have been polled', async () => (await page(`${url}/readyz`)).status === 200, {
    by: daemon,
  });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  r9s.gateway.intercept(() => LOCKED_OUT);
  await until('the outage is noticed', async () => (await page(`${url}/readyz`)).status === 503, {
    by: daemon,
  });
  const during = await page(`${url}/readyz`);
  const duringMetrics = await (await fetch(`${url}/metrics`)).text();
  r9s.gateway.intercept(() => undefined);
  await until('the outage is over', async () => (await page(`${url}/readyz`)).status === 200, { by: daemon });
  const still = await page(`${url}/healthz`);
  daemon.kill('SIGTERM');
  await daemon.ended;

  expect([alive, still].map(({ status }) => status)).toEqual([200, 200]);
  expect(before).toEqual({ status: 503, body: { ready: false, reasons: ['r9s: not polled yet'] } });
  expect(during).toEqual({ status: 503, body: { ready: false, reasons: ['r9s: the last poll failed'] } });
  expect(metric(metrics, 'tokentide_up')).toBe(1);
  for (const job of ['ucloud', 'r9s']) {
    expect(metric(metrics, 'tokentide_polls_total', { job, result: 'ok' })).toBeGreaterThan(0);
    expect(metric(metrics, 'tokentide_data_age_seconds', { job })).toBeLessThan(3600 + 60);
    expect(metric(metrics, 'tokentide_open_gaps', { job })).toBe(0);
  }
  const stored = await storedSums(place, ucloud, start - DAY);
  expect(metric(metrics, 'tokentide_points_total', { job: 'ucloud', outcome: 'written' })).toBe(stored.size);
  expect(metric(metrics, 'tokentide_points_total', { job: 'ucloud', outcome: 'rejected' })).toBe(0);
  expect(
    metric(metrics, 'tokentide_provider_calls_total', {
      provider: 'ucloud',
      action: 'ListUMInferAPIKey',
      result: 'ok',
    }),
  ).toBe(ucloud.simulator.calls.filter((action) => action === 'ListUMInferAPIKey').length);
  expect(
    metric(metrics, 'tokentide_dropped_rows_total', { job: 'r9s', reason: 'duplicate' }),
  ).toBeGreaterThan(0);
  expect(metric(metrics, 'tokentide_spool_points')).toBe(0);
  expect(metric(duringMetrics, 'tokentide_polls_total', { job: 'r9s', result: 'failed' })).toBeGreaterThan(0);
  expect(
    metric(duringMetrics, 'tokentide_provider_calls_total', { provider: 'r9s', result: 'credentials' }),
  ).toBeGreaterThan(0);
  expect(stored).toEqual(trueSums(ucloud, start));
  expect(await storedSums(place, r9s, start - DAY)).toEqual(trueSums(r9s, start));
});
