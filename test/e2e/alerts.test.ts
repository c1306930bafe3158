import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { IncidentRow } from '../../src/ledger/incidents.ts';
import type { UsageEvent } from '../../src/simulator/world.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { ALERT } from '../../src/usage/catalogue.ts';
import type { Point } from '../../src/usage/point.ts';
import { until, urlOf, type Running } from '../support/process.ts';
import { createPlace, type Place } from './support/place.ts';
import { DAY, fieldsOf, HOUR, startVendor } from './support/vendor.ts';

test('a planted spike is one incident, through a kill and a restart, until a correction dissolves it', async () => {
  const hour = Math.floor(Date.now() / 1000 / HOUR) * HOUR;
  const start = hour - 30 * DAY;
  let isCorrected = false;
  // Also in the next hour, if the test runs into it.
  const spikes = [hour, hour + HOUR].map((time): UsageEvent => ({
    ...request('uminferapikey-one', time, 20_000_000),
    id: `spike ${time}`,
    get withdrawnAt() {
      return isCorrected ? 0 : Infinity;
    },
  }));
  const place = createPlace();
  place.addJob(await startVendor('ucloud', [...everyday(start), ...spikes]), {
    start,
    schedule: '* * * * * *',
  });

  const first = place.start(['run']);
  await until('the incident is counted', async () => (await openAlerts(first)) === 1, { by: first });
  const metrics = await metricsOf(first);
  const opened = await incidents(place);
  const points = await alertPoints(place);
  first.kill('SIGKILL');
  await first.ended;
  const second = place.start(['run']);
  await until('it polls again', async () => (await metricsOf(second)).includes('result="ok"} 2'), {
    by: second,
  });
  const again = await incidents(place);
  const shown = await place.run(['alerts', 'show', opened[0]!.id]);
  const labelled = await place.run(['alerts', 'label', opened[0]!.id, 'real']);
  isCorrected = true;
  await until('the incident is closed', async () => (await openAlerts(second)) === 0, { by: second });
  const closed = await incidents(place);
  await until('its point is taken back', async () => (await alertPoints(place)).every(isClosed), {
    by: second,
  });
  second.kill('SIGTERM');
  await second.ended;

  const tags = { provider: 'ucloud', account: 'default', key: 'uminferapikey-one' };
  expect(opened).toMatchObject([{ rule: 'spike_key', tags, opened: hour }]);
  expect(opened[0]!.closed).toBeUndefined();
  expect(metrics).toContain('tokentide_alerts_total{rule="spike_key"} 1');
  expect(points).toMatchObject([{ time: hour, tags: { ...tags, rule: 'spike_key' } }]);
  expect(points.some(isClosed)).toBe(false);
  expect(again.map(({ id }) => id)).toEqual([opened[0]!.id]);
  expect(shown.stdout).toMatch(/^a-\w+: spike_key, \w+, open\nkey uminferapikey-one: 20 M tokens /);
  expect(shown.stdout).toMatch(/ 20,000,000 /);
  expect(labelled.code).toBe(0);
  expect(closed).toMatchObject([{ id: opened[0]!.id, reason: 'corrected', label: { as: 'real' } }]);
});

test('nothing is judged with off: true in alerts.yaml', async () => {
  const hour = Math.floor(Date.now() / 1000 / HOUR) * HOUR;
  const place = createPlace();
  const start = hour - 30 * DAY;
  const spike = request('uminferapikey-one', hour, 20_000_000);
  place.addJob(await startVendor('ucloud', [...everyday(start), spike]), { start, schedule: '* * * * * *' });
  writeFileSync(join(place.folder, 'alerts.yaml'), 'off: true\n');

  const daemon = place.start(['run']);
  await until('it polls twice', async () => (await metricsOf(daemon)).includes('result="ok"} 2'), {
    by: daemon,
  });

  expect(await incidents(place)).toEqual([]);
});

/** Two keys around the clock for 30 days. */
function everyday(start: number): UsageEvent[] {
  return Array.from({ length: 30 * 24 }, (_, index) => start + index * HOUR).flatMap((time) => [
    request('uminferapikey-one', time, 50_000 + (time % 7) * 1000),
    request('uminferapikey-two', time, 60_000 + (time % 5) * 1000),
  ]);
}

function request(key: string, time: number, tokens: number): UsageEvent {
  const tags = { key, model: 'model-one' };
  return { id: `${key} ${time}`, time, visibleAt: time, tags, fields: fieldsOf('ucloud', tokens, 0) };
}

async function metricsOf(daemon: Running): Promise<string> {
  return (await fetch(`${await urlOf(daemon)}/metrics`)).text();
}

/** Open incidents of any severity. */
async function openAlerts(daemon: Running): Promise<number> {
  const found = (await metricsOf(daemon)).matchAll(/^tokentide_alerts_open\{severity="\w+"\} (\d+)$/gm);
  return [...found].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function incidents(place: Place): Promise<IncidentRow[]> {
  const { stdout } = await place.run(['alerts', '--json']);
  return JSON.parse(stdout) as IncidentRow[];
}

async function alertPoints({ data }: Place): Promise<Point[]> {
  const store = openSqliteStore(join(data, 'usage.sqlite'));
  const points = await store.points({ measurement: ALERT.name, start: 0, end: Infinity });
  await store.close();
  return points;
}

function isClosed({ fields }: Point): boolean {
  return fields.state === 0;
}
