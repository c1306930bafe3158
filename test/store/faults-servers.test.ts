import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { Store, WriteResult } from '../../src/store/store.ts';
import type { Point } from '../../src/usage/point.ts';
import { openTestStore } from '../support/influx-store.ts';
import {
  describeWith,
  influxQuery,
  startInfluxd,
  startVictoriaMetrics,
  temporaryFolder,
  type RealServer,
} from '../support/servers.ts';

const START = 1_735_689_600;
const SERIES = 200;
const HOURS = 150;
const ALL = { start: START, end: START + HOURS * 3_600 };

let server: RealServer | undefined;
let disk: string | undefined;

afterEach(async () => {
  await server?.stop();
  if (disk !== undefined) execFileSync('/bin/umount', [disk]);
  await server?.close();
  server = disk = undefined;
});

/** Every series in every hour; the value tells the round in which it was written. */
function round(number: number): Point[] {
  return Array.from({ length: SERIES * HOURS }, (_, index) => ({
    time: START + 3_600 * Math.floor(index / SERIES),
    tags: { provider: 'trae', user: `u${index % SERIES}` },
    fields: { requests: number, input_tokens: index + number },
  }));
}

/** What the store must hold after a round, by user. */
function truth(number: number): Map<string, { requests: number; input_tokens: number }> {
  const sums = new Map<string, { requests: number; input_tokens: number }>();
  for (const { tags, fields } of round(number)) {
    const sum = sums.get(tags.user ?? '') ?? { requests: 0, input_tokens: 0 };
    sum.requests += Number(fields.requests);
    sum.input_tokens += Number(fields.input_tokens);
    sums.set(tags.user ?? '', sum);
  }
  return sums;
}

async function held(store: Store): Promise<Map<string, unknown>> {
  const rows = await store.sums({ ...ALL, by: ['user'] });
  return new Map(rows.map(({ tags, fields }) => [tags.user ?? '', fields]));
}

/** Writes what was kept again, until nothing is, as the collector does. */
async function writeAll(store: Store, points: readonly Point[]): Promise<WriteResult[]> {
  const results: WriteResult[] = [];
  for (let rest = points; rest.length > 0 || results.length === 0;) {
    const result = await store.write(rest);
    expect(result.accepted + result.kept.length).toBe(rest.length);
    expect(result.kept).toEqual(rest.slice(result.accepted));
    expect(result.rejected).toEqual([]);
    results.push(result);
    rest = result.kept;
  }
  return results;
}

describeWith('influxd', 'a real InfluxDB 1.x that fails', () => {
  async function open(started: RealServer): Promise<Store> {
    server = started;
    await influxQuery(started.url, 'CREATE DATABASE usage');
    const retryPolicy = { attempts: 3, sleep: () => sleep(20) };
    return (await openTestStore({ url: started.url, database: 'usage', ...retryPolicy })).store;
  }

  it.each(['stop', 'kill'] as const)(
    '%s in the middle of writes: sums are exact when it is back',
    async (end) => {
      const started = await startInfluxd();
      const store = await open(started);
      const rounds = 4;
      let interruptions = 0;
      const over = new AbortController();
      const outages = (async () => {
        while (!over.signal.aborted) {
          await sleep(60 + 40 * interruptions);
          await started[end]();
          interruptions++;
          await sleep(100);
          await started.start();
        }
      })();

      const results: WriteResult[] = [];
      for (let number = 1; number <= rounds; number++)
        results.push(...(await writeAll(store, round(number))));
      over.abort();
      await outages;

      expect(interruptions).toBeGreaterThan(1);
      expect(results.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(rounds * SERIES * HOURS);
      expect(await held(store)).toEqual(truth(rounds));
    },
  );

  it('keeps acknowledged points when it is killed right after the write', async () => {
    const started = await startInfluxd();
    const store = await open(started);

    const { accepted } = await store.write(round(1));
    await started.kill();
    await started.start();

    expect(accepted).toBe(SERIES * HOURS);
    expect(await held(store)).toEqual(truth(1));
  });

  const name = 'keeps points while the disk is full, and stores them after a restart with free space';
  it.runIf(canMount())(name, async () => {
    const folder = mountSmallDisk();
    const started = await startInfluxd({ folder });
    const store = await open(started);
    await store.write(round(1).slice(0, 5_000));
    const ballast = join(folder, 'ballast');
    fill(ballast);

    const full = await store.write(round(2));
    rmSync(ballast);
    await started.stop();
    await started.start();
    await writeAll(store, full.kept);

    expect(full.error).toMatchObject({
      kind: 'unavailable',
      hint: expect.stringContaining('free disk space'),
    });
    expect(full.error?.message).toContain('no space left on device');
    expect(full.kept.length).toBeGreaterThan(0);
    expect(full.rejected).toEqual([]);
    expect(await held(store)).toEqual(truth(2));
  });
});

describeWith('victoria-metrics', 'a real VictoriaMetrics that fails', () => {
  it('stops and starts in the middle of writes: sums are exact when it is back', async () => {
    const started = await startVictoriaMetrics();
    server = started;
    const { store } = await openTestStore({ url: started.url, attempts: 3, sleep: () => sleep(20) });

    const writing = writeAll(store, round(1));
    await sleep(20);
    await started.stop();
    await started.start();
    await writing;

    expect(await held(store)).toEqual(truth(1));
  });

  it('loses points acknowledged right before a kill, and accepts them again without counting twice', async () => {
    const started = await startVictoriaMetrics();
    server = started;
    const { store } = await openTestStore({ url: started.url, attempts: 3, sleep: () => sleep(20) });

    await writeAll(store, round(1));
    await started.kill();
    await started.start();
    await writeAll(store, round(1));

    expect(await held(store)).toEqual(truth(1));
  });
});

const DISK_BYTES = 24 * 1024 * 1024;

/** Mounts a small file system, which goes after the test. */
function mountSmallDisk(): string {
  const folder = temporaryFolder();
  execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder], {
    stdio: 'ignore',
  });
  disk = folder;
  return folder;
}

function canMount(): boolean {
  const folder = temporaryFolder();
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('/bin/umount', [folder]);
    return true;
  } catch {
    process.stderr.write('SKIPPED a full disk: mounting a file system needs root\n');
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Takes all the space there is, but for the rest of a block. */
function fill(path: string): void {
  for (let size = DISK_BYTES; size > 4_096; size /= 2) {
    try {
      writeFileSync(path, Buffer.alloc(size), { flag: 'a' });
    } catch {
      // Full for this size: what fits of it was written.
    }
  }
}
