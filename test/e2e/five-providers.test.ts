import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../../src/collect/job.ts';
import { poll } from '../../src/collect/poll/poll.ts';
import { createRuntime } from '../../src/runtime.ts';
import type { Settings } from '../../src/config/settings.ts';
import { PROVIDERS } from '../../src/providers/index.ts';
import { startCompany, type CompanyVendor } from '../../src/simulator/company.ts';
import { VENDORS, type VendorId } from '../../src/simulator/vendors.ts';
import { rough } from '../../src/simulator/faults.ts';
import type { Fields, Tag } from '../../src/usage/point.ts';
import { withTokens } from '../../src/usage/aggregate.ts';
import { seriesKey } from '../../src/usage/series.ts';
import { describeWith, influxQuery, startInfluxd, type RealServer } from '../support/servers.ts';
import { totalsOf, type Totals } from '../../src/collect/totals/totals.ts';

const DAY = 86_400;
const NOW = Date.UTC(2026, 9, 20, 4, 30) / 1000;
const START = NOW - 6 * DAY;

let company: Record<VendorId, CompanyVendor>;
let clock = NOW;

beforeAll(async () => {
  company = await startCompany({
    start: START - DAY,
    end: NOW + DAY,
    now: () => clock * 1000,
    convergence: 2400,
  });
});
afterAll(() => Promise.all(Object.values(company).map(({ simulator }) => simulator.close())));

function settings(store: Settings['store']): Settings {
  return {
    jobs: '',
    data: mkdtempSync(join(tmpdir(), 'tokentide-')),
    logLevel: 'silent',
    store,
    spoolPoints: 1_000_000,
    timeoutMs: 300,
  };
}

/** The job of a vendor, at the speed of loopback. */
function jobOf(id: VendorId): Job {
  const provider = PROVIDERS.find((known) => known.id === id)!;
  const start = Math.ceil(START / DAY) * DAY - 8 * 3600;
  return {
    name: id,
    provider: { ...provider, timeoutMs: 300 },
    account: 'main',
    dataset: 'usage',
    rate: { perSecond: 10_000, concurrency: 4, source: 'loopback' },
    schedule: '*/5 * * * *',
    scheduleZone: 'UTC',
    bucket: '1h',
    zone: provider.zone,
    start,
    lookback: 3 * DAY,
    options: provider.options.parse(company[id].options),
    tagLimits: {},
  };
}

/** With the derived field. The vendor's world does not have the model of an Ark endpoint: the provider joins it. */
function bySeries(totals: Totals): Map<string, Fields> {
  return new Map(
    [...totals.values()].map(({ tags, fields }) => [
      seriesKey(tags.endpoint ? { ...tags, model: '' } : tags),
      withTokens(fields),
    ]),
  );
}

/** Every provider, calm and rough, into one kind of store. */
function provesAll(open: () => Settings['store']): void {
  it.each(VENDORS.flatMap((id) => [[id, 'calm', 0] as const, [id, 'rough', 0.25] as const]))(
    '%s, %s',
    async (id, _, share) => {
      clock = NOW;
      const job = { ...jobOf(id), account: share === 0 ? 'calm' : 'rough' };
      const { world, simulator } = company[id];
      const runtime = await createRuntime({
        settings: settings(open()),
        role: 'test',
        pid: 1,
        now: () => clock * 1000,
        sleep: () => Promise.resolve(),
      });
      const jobContext = runtime.jobContext(job);
      simulator.faults(rough(7, share));
      const signal = new AbortController().signal;

      for (const wait of [0, 600, 3600, 3600, 7200, 7 * 3600, 7 * 3600]) {
        clock += wait;
        await poll(jobContext, { signal });
      }
      simulator.faults(() => undefined);
      for (const wait of [7 * 3600, 3600]) {
        clock += wait;
        await poll(jobContext, { signal });
      }

      const by: Tag[] = [
        'user',
        'key',
        'model',
        'model_type',
        'model_source',
        'endpoint',
        'project',
        'scene',
      ];
      const range = { start: job.start, end: clock - (clock % 3600) };
      const where = { provider: id, account: job.account };
      const sums = await runtime.store.sums({ ...range, where, by });
      const truth = totalsOf(world.totals(range, clock, by));
      expect(bySeries(totalsOf(sums.map((row) => ({ ...row, time: 0 }))))).toEqual(bySeries(truth));
      expect(truth.size).toBeGreaterThan(1);
      await runtime.close();
    },
  );
}

describe('every provider, end to end into SQLite: stored sums equal the true totals', () => {
  provesAll(() => ({ kind: 'sqlite' }));
});

describeWith(
  'influxd',
  'every provider, end to end into InfluxDB 1.x: stored sums equal the true totals',
  () => {
    let server: RealServer;
    beforeAll(async () => {
      server = await startInfluxd();
      await influxQuery(server.url, 'CREATE DATABASE usage');
    });
    afterAll(() => server.close());

    provesAll(() => ({ kind: 'influxdb', url: server.url, database: 'usage' }));
  },
);
