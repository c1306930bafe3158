import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, test, vi } from 'vitest';
import type { Job } from '../src/collect/job.ts';
import type { FailedJob } from '../src/collect/status/readiness.ts';
import { ConfigError } from '../src/config/errors.ts';
import { readSettings } from '../src/config/settings.ts';
import { jitterOf, remind, startDaemon, type Daemon } from '../src/daemon.ts';
import { FetchError } from '../src/fetch/errors.ts';
import { LedgerError } from '../src/ledger/database.ts';
import { createLogger, type Logger } from '../src/observe/log.ts';
import type { Source } from '../src/providers/provider.ts';
import { StoreError } from '../src/store/store.ts';
import { acme } from './config/loading.ts';

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly job?: string;
  readonly error?: { readonly message: string; readonly stack?: string };
}

const HOUR = 3_600_000;
let lines: Line[];
let log: Logger;

beforeEach(() => {
  lines = [];
  log = createLogger({
    level: 'trace',
    destination: { write: (line) => lines.push(JSON.parse(line) as Line) },
  });
});

afterEach(() => vi.useRealTimers());

const BROKEN: FailedJob = {
  job: 'broken',
  error: new ConfigError([{ file: 'jobs/broken.yaml', line: 3, message: 'unknown key "x"' }]),
};

/** A job of a provider that answers as `read` says. */
function jobOf(
  name: string,
  read: Source['read'] = () => Promise.resolve({ records: [] }),
  more: Partial<Job> = {},
): Job {
  const source: Source = {
    reads: 'series',
    batchSize: 10,
    calls: { list: () => 1, read: () => 1 },
    partitions: () => Promise.resolve([{ id: 'a' }]),
    read,
  };
  return {
    name,
    provider: { ...acme, baseUrl: () => 'http://127.0.0.1:1', connect: () => source },
    account: name,
    dataset: 'usage',
    rate: acme.rate,
    schedule: '* * * * *',
    scheduleZone: 'UTC',
    bucket: '1h',
    zone: 'UTC',
    start: Math.floor(Date.now() / HOUR) * 3600 - 2 * 3600,
    lookback: 86_400,
    options: {},
    tagLimits: {},
    ...more,
  };
}

async function start(
  jobs: readonly Job[],
  failed: readonly FailedJob[] = [],
  data = folder(),
): Promise<Daemon> {
  const settings = readSettings({ TOKENTIDE_DATA: data, TOKENTIDE_LISTEN: '127.0.0.1:0' });
  const daemon = await startDaemon({ settings, jobs, failed, log, version: '1.2.3', pid: 1, now: Date.now });
  onTestFinished(() => daemon.stop(0));
  return daemon;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'tokentide-daemon-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function readyz({ url }: Daemon): Promise<{ status: number; reasons: string[] }> {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, ...((await response.json()) as { reasons: string[] }) };
}

describe('startDaemon', () => {
  it('runs the sound jobs, and reports a broken and a changed one', async () => {
    const data = folder();
    const before = await start([jobOf('changed')], [], data);
    await before.firstPolls;
    await before.stop(0);

    const daemon = await start(
      [jobOf('good'), jobOf('changed', undefined, { zone: 'Asia/Shanghai' })],
      [BROKEN],
      data,
    );
    await daemon.firstPolls;

    expect(daemon.jobs.map(({ name }) => name)).toEqual(['good']);
    expect(lines.filter(({ msg }) => msg === 'job cannot run').map(({ level, job }) => [level, job])).toEqual(
      [
        ['error', 'broken'],
        ['error', 'changed'],
      ],
    );
    expect(await readyz(daemon)).toEqual({
      status: 503,
      ready: false,
      reasons: [
        'broken: not running: jobs/broken.yaml:3: unknown key "x"',
        'changed: not running: the job "changed" has changed: zone was UTC and is now Asia/Shanghai',
      ],
    });
  });

  it('does not start without a job that can run', async () => {
    const data = folder();
    const before = await start([jobOf('changed')], [], data);
    await before.stop(0);

    const starting = start([jobOf('changed', undefined, { zone: 'Asia/Shanghai' })], [], data);

    await expect(starting).rejects.toThrow('the job "changed" has changed');
  });

  it('polls again after an unexpected exception, which is logged with its stack', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'setTimeout', 'clearInterval', 'clearTimeout', 'Date'] });
    const source = { ok: true };
    const partitions = (): Promise<{ id: string }[]> =>
      source.ok ? Promise.resolve([{ id: 'a' }]) : Promise.reject(new TypeError('x is undefined'));
    const job = jobOf('test');
    const provider = {
      ...job.provider,
      connect: (): Source => ({
        reads: 'series',
        batchSize: 1,
        calls: { list: () => 1, read: () => 1 },
        partitions,
        read: () => Promise.resolve({ records: [] }),
      }),
    };
    source.ok = false;
    const daemon = await start([{ ...job, provider }]);
    await daemon.firstPolls;
    const failed = lines.find(({ level, msg }) => level === 'error' && msg === 'poll failed');

    source.ok = true;
    await vi.advanceTimersByTimeAsync(2 * 60_000);
    vi.useRealTimers();

    expect(failed?.error?.stack).toMatch(/TypeError: x is undefined\n.*daemon\.test\.ts/);
    expect(lines.filter(({ msg }) => msg === 'polled').length).toBeGreaterThan(0);
    expect(await readyz(daemon)).toMatchObject({ status: 200 });
  });

  it('is not ready while no poll of a job finishes', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'setTimeout', 'clearInterval', 'clearTimeout', 'Date'] });
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const daemon = await start([jobOf('stuck', () => held.then(() => ({ records: [] })))]);

    await vi.advanceTimersByTimeAsync(5 * 60_000);
    vi.useRealTimers();
    const stuck = await readyz(daemon);
    const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
    release();
    await daemon.firstPolls;
    const after = await readyz(daemon);

    expect(stuck).toMatchObject({
      status: 503,
      reasons: [
        'stuck: not polled yet',
        expect.stringMatching(/^stuck: no poll has finished for [45] scheduled polls$/),
      ],
    });
    expect(metrics).toMatch(/^tokentide_missed_polls\{job="stuck"\} [45]$/m);
    expect(after).toMatchObject({ status: 200 });
  });

  it('counts polls that end because the ledger is locked as missed', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'setTimeout', 'clearInterval', 'clearTimeout', 'Date'] });
    const daemon = await start([jobOf('locked')]);
    await daemon.firstPolls;
    const locked = vi.spyOn(daemon.runtime.ledger.leases, 'take').mockImplementation(() => {
      throw new LedgerError('the ledger is locked', 'Wait.');
    });

    await vi.advanceTimersByTimeAsync(4 * 60_000);
    vi.useRealTimers();
    const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
    const during = await readyz(daemon);
    locked.mockRestore();

    expect(metrics).toMatch(/^tokentide_missed_polls\{job="locked"\} [345]$/m);
    expect(during.reasons).toEqual([
      'locked: the last poll failed',
      expect.stringMatching(/^locked: no poll has finished for [345] scheduled polls$/),
    ]);
  });

  it('polls a store that is down only every 15 minutes', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'setTimeout', 'clearInterval', 'clearTimeout', 'Date'] });
    let reads = 0;
    const job = jobOf('test', ({ window }) => {
      reads += 1;
      return Promise.resolve({
        records: [{ time: window.start, tags: { model: 'm' }, fields: { requests: reads } }],
      });
    });
    const daemon = await start([job]);
    vi.spyOn(daemon.runtime.store, 'write').mockImplementation((points) =>
      Promise.resolve({
        accepted: 0,
        rejected: [],
        kept: points,
        error: new StoreError('unavailable', 'down'),
      }),
    );
    await daemon.firstPolls;
    // From here on points wait in the spool.
    await vi.advanceTimersByTimeAsync(2 * 60_000);
    const before = reads;
    await vi.advanceTimersByTimeAsync(12 * 60_000);
    const within = reads;
    await vi.advanceTimersByTimeAsync(5 * 60_000);
    vi.useRealTimers();

    expect(within).toBe(before);
    expect(reads).toBeGreaterThan(within);
  });

  it('reports a job that drops rows outside the window at every poll', async () => {
    const daemon = await start([jobOf('lossy')]);
    await daemon.firstPolls;
    const { ledger } = daemon.runtime;
    ledger.counters.add('lossy', 'dropped outside_window', 30);
    const before = await readyz(daemon);
    ledger.state.set('lossy', 'dropped', '{"outside_window":{"rows":1,"polls":3}}');

    const after = await readyz(daemon);

    expect(before.status).toBe(200);
    expect(after).toMatchObject({
      status: 503,
      reasons: [expect.stringMatching(/^lossy: usage is incomplete: rows outside the requested window/)],
    });
  });

  it('is not ready while every partition of a job is refused', async () => {
    const refusal = new FetchError('refused', 'usage: totals per UTC day, not per hours');
    const daemon = await start([jobOf('hourly', () => Promise.reject(refusal))]);
    await daemon.firstPolls;

    expect(await readyz(daemon)).toMatchObject({
      status: 503,
      reasons: ['hourly: no partition can be read: refused: usage: totals per UTC day, not per hours'],
    });
  });

  it('logs a failing page', async () => {
    const daemon = await start([jobOf('test')]);
    await daemon.firstPolls;
    vi.spyOn(daemon.runtime.ledger.spool, 'size').mockImplementation(() => {
      throw new Error('no such table');
    });

    const { status } = await fetch(`${daemon.url}/metrics`);

    expect(status).toBe(500);
    expect(lines.map(({ msg }) => msg)).toContain('request to the health server failed');
  });
});

test('jobs that cannot run are reported again every hour', () => {
  vi.useFakeTimers();
  const timer = remind([BROKEN], log);

  vi.advanceTimersByTime(2 * HOUR);
  clearInterval(timer);

  expect(lines.map(({ level, job, error }) => [level, job, error?.message])).toEqual(
    Array.from({ length: 3 }, () => ['error', 'broken', 'jobs/broken.yaml:3: unknown key "x"']),
  );
});

test.each([
  [300, 10_000],
  [60, 6_000],
  [1, 100],
])('polls every %i s are delayed by at most %i ms', (interval, jitter) => {
  expect(jitterOf(interval)).toBe(jitter);
});
