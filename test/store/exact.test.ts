import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { poll } from '../../src/collect/poll/poll.ts';
import { createRuntime } from '../../src/runtime.ts';
import type { Settings } from '../../src/config/settings.ts';
import type { UsageEvent } from '../../src/simulator/world.ts';
import { sumRecords, withTokens } from '../../src/usage/aggregate.ts';
import type { Fields } from '../../src/usage/point.ts';
import { jobOf } from '../e2e/support/job.ts';
import { seriesOf, startVendor, VENDORS, type VendorId } from '../e2e/support/vendor.ts';
import { describeWith, influxQuery, startInfluxd, type RealServer } from '../support/servers.ts';

const HOUR = 3600;
const NOW = Math.floor(Date.now() / 1000 / HOUR) * HOUR;
const START = NOW - 6 * HOUR;
/** The first integer that a double cannot hold, and one whose double is a hundred off. */
const ABOVE = 2n ** 53n + 1n;
const FAR_ABOVE = 2n ** 60n + 99n;

/** The counters of one request with so many tokens, as each vendor counts them. */
const COUNTED: Readonly<Record<VendorId, Fields>> = {
  trae: { input_tokens: ABOVE, output_tokens: FAR_ABOVE },
  ucloud: { input_tokens: ABOVE, output_tokens: FAR_ABOVE, total_tokens: ABOVE + FAR_ABOVE, requests: 1 },
  sigcal: { input_tokens: ABOVE, output_tokens: FAR_ABOVE, total_tokens: ABOVE + FAR_ABOVE, requests: 1 },
  r9s: { input_tokens: FAR_ABOVE, cached_input_tokens: ABOVE, output_tokens: ABOVE, requests: 1 },
  'volcengine-ark': { input_tokens: ABOVE, output_tokens: FAR_ABOVE },
};

/** Two requests in one bucket, one in another. */
function eventsOf(id: VendorId): UsageEvent[] {
  return [0, 60, 2 * HOUR].map((offset, index) => {
    const time = START + HOUR + offset;
    return { id: `request-${index}`, time, visibleAt: time, tags: seriesOf(id)[0]!, fields: COUNTED[id] };
  });
}

function provesExact(openTarget: () => Settings['store']): void {
  it.each(VENDORS)('from %s', async (id) => {
    const job = jobOf(await startVendor(id, eventsOf(id)), { start: START, zone: 'UTC' });
    const data = mkdtempSync(join(tmpdir(), 'tokentide-exact-'));
    const runtime = await createRuntime({
      settings: {
        jobs: '',
        data,
        logLevel: 'silent',
        store: openTarget(),
        spoolPoints: 1000,
        timeoutMs: 5000,
      },
      role: 'test',
      pid: 1,
      now: Date.now,
    });

    await poll(runtime.jobContext(job), { signal: new AbortController().signal });
    const where = { provider: id };
    const hour = await runtime.store.sums({ start: START + HOUR, end: START + 2 * HOUR, where, by: [] });
    const all = await runtime.store.sums({ start: START, end: NOW + HOUR, where, by: [] });
    await runtime.close();
    rmSync(data, { recursive: true });

    const times = (count: number): Fields =>
      sumRecords(
        Array.from({ length: count }, () => ({ time: 0, tags: {}, fields: withTokens(COUNTED[id]) })),
      )[0]!.fields;
    expect(hour).toEqual([{ tags: {}, fields: times(2) }]);
    expect(all).toEqual([{ tags: {}, fields: times(3) }]);
  });
}

describe('counts above 2^53 arrive exact in SQLite', () => {
  provesExact(() => ({ kind: 'sqlite' }));
});

describeWith('influxd', 'counts above 2^53 arrive exact in InfluxDB', () => {
  let server: RealServer;

  beforeAll(async () => {
    server = await startInfluxd();
    await influxQuery(server.url, 'CREATE DATABASE usage');
  });
  afterAll(() => server.close());

  provesExact(() => ({ kind: 'influxdb', url: server.url, database: 'usage' }));
});
