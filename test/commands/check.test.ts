import { join } from 'node:path';
import { expect, test } from 'vitest';
import { identityOf } from '../../src/collect/jobs/identity.ts';
import type { Job } from '../../src/collect/job.ts';
import { checkCommand, type CheckAccess } from '../../src/commands/check.ts';
import { readSettings } from '../../src/config/settings.ts';
import { FetchError } from '../../src/fetch/errors.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import type { ReadRequest, Source } from '../../src/providers/provider.ts';
import { StoreError } from '../../src/store/store.ts';
import { daily, acme, folderOf } from '../config/loading.ts';
import { memoryStore } from '../support/memory-store.ts';
import { contextOf, type Recorded } from './context.ts';

function jobOf(name: string, more: Partial<Job> = {}): Job {
  return {
    name,
    provider: acme,
    account: 'main',
    dataset: 'usage',
    rate: acme.rate,
    schedule: '*/5 * * * *',
    scheduleZone: 'UTC',
    bucket: '1h',
    zone: 'Asia/Shanghai',
    start: Date.parse('2026-10-01T00:00:00Z') / 1000,
    lookback: 86_400,
    options: {},
    tagLimits: {},
    ...more,
  };
}

function sourceOf(more: Partial<Source> = {}): Source {
  return {
    reads: 'series',
    batchSize: 10,
    calls: { list: () => 1, read: () => 1 },
    partitions: () => Promise.resolve([{ id: 'alice' }, { id: 'bob' }]),
    read: () => Promise.resolve({ records: [{ time: 0, tags: { model: 'm' }, fields: { requests: 1 } }] }),
    ...more,
  };
}

function accessOf(sources: Readonly<Record<string, Source>>, more: Partial<CheckAccess> = {}): CheckAccess {
  return {
    ledger: openLedger(':memory:'),
    openSource: ({ name }) => sources[name] ?? sourceOf(),
    openStore: () => Promise.resolve(memoryStore()),
    close: () => Promise.resolve(),
    ...more,
  };
}

async function check(
  context: Recorded,
  access: CheckAccess,
  args: { jobs?: string[]; json?: boolean } = {},
): Promise<{ code: number; out: string[] }> {
  const code = await checkCommand(context, { jobs: [], json: false, ...args }, () => Promise.resolve(access));
  return { code, out: context.printed.out.trimEnd().split('\n') };
}

test('a job is tested with its newest closed bucket, one partition per request', async () => {
  const requests: ReadRequest[] = [];
  const source = sourceOf({
    read: (request) => {
      requests.push(request);
      return Promise.resolve({ records: [] });
    },
    warnings: () => ['The answers hold totals per day.'],
  });

  const { code, out } = await check(contextOf({ jobs: [jobOf('mine')] }), accessOf({ mine: source }));

  expect(code).toBe(0);
  expect(out).toEqual([
    'ok       mine: 2 partitions; alice: 0 series, bob: 0 series in 2026-11-21 17:00-18:00 Asia/Shanghai',
    '          The answers hold totals per day.',
    'ok       store: memory',
  ]);
  expect(requests).toHaveLength(2);
  expect(requests[0]).toMatchObject({
    window: { start: Date.parse('2026-11-21T09:00Z') / 1000, end: Date.parse('2026-11-21T10:00Z') / 1000 },
    bucket: '1h',
    zone: 'Asia/Shanghai',
    partitions: [{ id: 'alice' }],
  });
});

test('a few partitions from different batches are read, and a broken one fails the job', async () => {
  const asked: string[] = [];
  const ids = Array.from({ length: 60 }, (_, i) => `key:${i}`);
  const source = sourceOf({
    partitions: () => Promise.resolve(ids.map((id) => ({ id }))),
    read: ({ partitions: [partition] }) => {
      asked.push(partition!.id);
      if (partition!.id === 'key:30')
        return Promise.reject(new FetchError('refused', 'no such key', { hint: 'h' }));
      return Promise.resolve({ records: [] });
    },
  });

  const { code, out } = await check(contextOf({ jobs: [jobOf('mine')] }), accessOf({ mine: source }));

  expect(asked).toEqual(['key:0', 'key:30', 'key:59']);
  expect([code, out[0]]).toEqual([1, 'failed   mine: 60 partitions; key:30: refused: no such key']);
});

test.each(['key:00', 'key:37', 'key:59'])(
  'a job with the broken partition %s fails once it has a gap',
  async (broken) => {
    const asked: string[] = [];
    const ids = Array.from({ length: 60 }, (_, i) => `key:${String(i).padStart(2, '0')}`);
    const source = sourceOf({
      partitions: () => Promise.resolve(ids.map((id) => ({ id }))),
      read: ({ partitions: [partition] }) => {
        asked.push(partition!.id);
        return partition!.id === broken
          ? Promise.reject(new FetchError('refused', 'no such key'))
          : Promise.resolve({ records: [] });
      },
    });
    const access = accessOf({ mine: source });
    const gap = { start: 0, end: 3600, since: 0, kind: 'refused', error: 'no', attempts: 1, nextTry: 0 };
    access.ledger.gaps.open('mine', { ...gap, partition: broken, expired: false });

    const { code, out } = await check(contextOf({ jobs: [jobOf('mine')] }), access);

    expect([code, out[0]]).toEqual([1, `failed   mine: 60 partitions; ${broken}: refused: no such key`]);
    expect(asked).toEqual([...new Set(['key:00', 'key:30', 'key:59', broken])].toSorted());
  },
);

test('of many partitions with gaps only a few are read', async () => {
  let calls = 0;
  const ids = Array.from({ length: 60 }, (_, i) => `key:${i}`);
  const source = sourceOf({
    partitions: () => Promise.resolve(ids.map((id) => ({ id }))),
    read: () => {
      calls += 1;
      return Promise.resolve({ records: [] });
    },
  });
  const access = accessOf({ mine: source });
  const gap = { start: 0, end: 3600, since: 0, kind: 'refused', error: 'no', attempts: 1, nextTry: 0 };
  for (const id of ids.slice(5, 50))
    access.ledger.gaps.open('mine', { ...gap, partition: id, expired: false });

  await check(contextOf({ jobs: [jobOf('mine')] }), access);

  expect(calls).toBe(6);
});

test('open gaps and dropped rows are listed', async () => {
  const access = accessOf({
    mine: sourceOf({ read: () => Promise.resolve({ records: [], dropped: { duplicate: 2 } }) }),
  });
  const gap = { start: 0, end: 3600, since: 0, kind: 'refused', error: 'no', attempts: 1, nextTry: 0 };
  access.ledger.gaps.open('mine', { ...gap, partition: 'alice', expired: false });

  const { code, out } = await check(contextOf({ jobs: [jobOf('mine')] }), access);

  expect(code).toBe(0);
  expect(out.slice(1, 3)).toEqual([
    '          Rows dropped by this check: 4 duplicate.',
    '          1 open gap, 0 expired: run tokentide gaps mine.',
  ]);
});

test('a job that drops rows outside the window at every poll is not ok', async () => {
  const access = accessOf({});
  access.ledger.counters.add('mine', 'dropped outside_window', 70);
  access.ledger.state.set('mine', 'dropped', '{"outside_window":{"rows":1,"polls":3}}');

  const { code, out } = await check(contextOf({ jobs: [jobOf('mine')] }), access);

  expect(code).toBe(1);
  expect(out[0]).toMatch(/^failed {3}mine: usage is incomplete: rows outside the requested window/);
});

test('an unexpected error of one job does not affect the others', async () => {
  const bad = sourceOf({ read: () => Promise.reject(new TypeError('x is undefined')) });

  const { code, out } = await check(contextOf({ jobs: [jobOf('bad'), jobOf('good')] }), accessOf({ bad }));

  expect(code).toBe(1);
  expect(out[0]).toMatch(/^failed {3}bad: TypeError: x is undefined/);
  expect(out[1]).toMatch(/^ok {7}good: /);
});

test('errors of other files do not affect a named job', async () => {
  const context = contextOf({
    jobs: [jobOf('mine')],
    issues: [{ file: 'jobs/x.yaml', message: 'unknown key "x"' }],
  });

  const { code } = await check(context, accessOf({}), { jobs: ['mine'] });

  expect([code, context.printed.err]).toEqual([0, '']);
});

test('the file of alert rules is validated too', async () => {
  const alerts = join(folderOf({ 'alerts.yaml': 'rules: {night: on}\n' }), 'alerts.yaml');
  const context = contextOf({ jobs: [jobOf('a')] }, { settings: readSettings({ TOKENTIDE_ALERTS: alerts }) });

  const { code } = await check(context, accessOf({}));

  expect(code).toBe(2);
  expect(context.printed.err).toContain(`${alerts}:1:9: rules.night: must be a map\n`);
});

test('escape sequences of a provider never reach the terminal', async () => {
  const source = sourceOf({ partitions: () => Promise.resolve([{ id: 'key:\u001b]0;title\u0007a\u202e' }]) });

  const { out } = await check(contextOf({ jobs: [jobOf('mine')] }), accessOf({ mine: source }));

  expect(out[0]).toMatch(/^ok {7}mine: 1 partition; key:a: 1 series in /);
});

test('the detected range end is used and reported', async () => {
  const access = accessOf({});
  const job = jobOf('mine');
  const identity = JSON.stringify(identityOf(job, memoryStore()));
  access.ledger.jobs.save('mine', { identity, clock: 0, rangeEnd: 'inclusive' });

  const { code, out } = await check(contextOf({ jobs: [job] }), access);

  expect(code).toBe(0);
  expect(out[1]).toBe('          The provider treats the end of a range as inclusive (detected).');
});

test('a provider that fails is reported with a hint and does not affect other jobs', async () => {
  const refusal = new FetchError('credentials', 'code 1001: bad app id', { hint: 'Copy the app id again.' });
  const bad = sourceOf({ partitions: () => Promise.reject(refusal) });
  const empty = sourceOf({ partitions: () => Promise.resolve([]) });
  const context = contextOf({
    jobs: [jobOf('bad'), jobOf('empty')],
    off: [{ name: 'later', file: 'jobs/later.yaml', reason: 'KEY is not set' }],
  });

  const { code, out } = await check(context, accessOf({ bad, empty }));

  expect(code).toBe(1);
  expect(out).toEqual([
    'failed   bad: credentials: code 1001: bad app id',
    '          Copy the app id again.',
    'ok       empty: no partitions found',
    'off      later: KEY is not set',
    'ok       store: memory',
  ]);
});

test('a store that fails is a configuration error; the jobs are still tested', async () => {
  const failure = new StoreError('unavailable', 'connect ECONNREFUSED', { hint: 'Start InfluxDB.' });

  const { code, out } = await check(
    contextOf({ jobs: [jobOf('mine')] }),
    accessOf({}, { openStore: () => Promise.reject(failure) }),
  );

  expect(code).toBe(2);
  expect(out[0]).toMatch(/^ok {7}mine: /);
  expect(out.slice(1)).toEqual(['failed   store: connect ECONNREFUSED', '          Start InfluxDB.']);
});

test('a changed job is not called, and the options are explained', async () => {
  const access = accessOf({ mine: sourceOf({ partitions: () => Promise.reject(new Error('called')) }) });
  const identity = JSON.stringify(identityOf(jobOf('mine', { bucket: '1d' }), memoryStore()));
  access.ledger.jobs.save('mine', { identity, clock: 0, rangeEnd: undefined });

  const { code, out } = await check(contextOf({ jobs: [jobOf('mine')] }), access);

  expect(code).toBe(2);
  expect(out[0]).toBe('changed  mine: the job "mine" has changed: bucket was 1d and is now 1h');
  expect(out.join('\n')).toMatch(/tokentide migrate mine --keep-old/);
});

test('errors of job files are reported together with everything else', async () => {
  const context = contextOf({
    jobs: [jobOf('mine', { provider: daily, bucket: '1d' })],
    issues: [{ file: 'jobs/x.yaml', line: 3, column: 1, message: 'unknown key "x"', hint: 'known are y' }],
  });

  const { code, out } = await check(context, accessOf({}));

  expect(code).toBe(2);
  expect(context.printed.err).toBe('jobs/x.yaml:3:1: unknown key "x"\n  known are y\n');
  expect(out).toHaveLength(2);
});

test('no enabled job is an error', async () => {
  const off = [{ name: 'later', file: 'jobs/later.yaml', reason: 'KEY is not set' }];

  const { code, out } = await check(contextOf({ off }), accessOf({}));

  expect(code).toBe(2);
  expect(out).toEqual(['off      later: KEY is not set', 'ok       store: memory']);
});

test('only the named jobs are tested', async () => {
  const never = sourceOf({ partitions: () => Promise.reject(new Error('called')) });
  const context = contextOf({ jobs: [jobOf('one'), jobOf('two')] });

  const { code, out } = await check(context, accessOf({ two: never }), { jobs: ['one'] });

  expect(code).toBe(0);
  expect(out.map((line) => line.split(':')[0])).toEqual(['ok       one', 'ok       store']);
});

test('--json prints the whole report', async () => {
  const context = contextOf({
    jobs: [jobOf('mine')],
    off: [{ name: 'later', file: 'f', reason: 'enabled: false' }],
  });

  const { code, out } = await check(context, accessOf({}), { json: true });

  expect(code).toBe(0);
  expect(JSON.parse(out.join('\n'))).toMatchObject({
    issues: [],
    jobs: [
      { name: 'mine', state: 'ok' },
      { name: 'later', state: 'off', detail: 'enabled: false' },
    ],
    store: { name: 'store', state: 'ok', detail: 'memory' },
  });
});

test('a signal stops it', async () => {
  const stop = new AbortController();
  const source = sourceOf({
    partitions: () => {
      stop.abort(new DOMException('stopped by SIGINT', 'AbortError'));
      return Promise.reject(new FetchError('cancelled', 'shutting down'));
    },
  });

  const checking = check(
    contextOf({ jobs: [jobOf('mine')] }, { signal: stop.signal }),
    accessOf({ mine: source }),
  );

  await expect(checking).rejects.toThrow('stopped by SIGINT');
});
