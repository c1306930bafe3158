import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LedgerError } from '../../src/ledger/database.ts';
import { ALL_PARTITIONS, type Gap } from '../../src/ledger/gaps.ts';
import { openLedger, type Ledger } from '../../src/ledger/ledger.ts';
import type { UsageRecord } from '../../src/usage/point.ts';

let folder: string;
let path: string;
const open: Ledger[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokentide-ledger-'));
  path = join(folder, 'ledger.sqlite');
});
afterEach(() => {
  for (const ledger of open.splice(0)) ledger.close();
  rmSync(folder, { recursive: true });
});

function ledgerAt(where = path): Ledger {
  const ledger = openLedger(where);
  open.push(ledger);
  return ledger;
}

const gap = (partition: string, start: number, end: number, more: Partial<Gap> = {}): Gap => ({
  partition,
  start,
  end,
  since: start,
  kind: 'refused',
  error: 'no such member',
  attempts: 1,
  nextTry: 1000,
  expired: false,
  ...more,
});

const record = (time: number, user: string, input: number | bigint): UsageRecord => ({
  time,
  tags: { user },
  fields: { input_tokens: input, requests: 1 },
});

describe('a ledger file', () => {
  it('holds committed data when it is opened again', () => {
    const before = ledgerAt();
    before.commit(() => {
      before.jobs.save('a', { identity: '{}', clock: 7, rangeEnd: 'inclusive' });
      before.checkpoints.add('a', { start: 0, end: 3600, readAt: 4000 }, 60);
      before.gaps.open('a', gap('key:1', 0, 3600));
      before.lastAnswers.put('a', [record(0, 'ann', 9_007_199_254_740_995n)]);
      before.state.set('a', 'model', 'm');
    });
    before.close();

    const ledger = ledgerAt();

    expect(ledger.jobs.of('a')).toEqual({ identity: '{}', clock: 7, rangeEnd: 'inclusive' });
    expect(ledger.checkpoints.of('a')).toEqual([{ start: 0, end: 3600, readAt: 4000 }]);
    expect(ledger.gaps.of('a')).toEqual([gap('key:1', 0, 3600)]);
    expect([...ledger.lastAnswers.of('a', { start: 0, end: 1 }).values()]).toEqual([
      record(0, 'ann', 9_007_199_254_740_995n),
    ]);
    expect(ledger.state.get('a', 'model')).toBe('m');
  });

  it('keeps nothing of a commit that fails', () => {
    const ledger = ledgerAt();

    const commit = () =>
      ledger.commit(() => {
        ledger.counters.add('a', 'revisions', 1);
        throw new Error('crash');
      });

    expect(commit).toThrow('crash');
    expect(ledger.counters.of('a')).toEqual({});
  });

  it('is refused with a hint if a newer version wrote it, if it is not a ledger, or if it cannot be created', () => {
    ledgerAt().close();
    const newer = new Database(path);
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    const garbage = join(folder, 'garbage.sqlite');
    writeFileSync(garbage, 'this is no database, and long enough not to look like an empty one'.repeat(100));
    const below = join(garbage, 'ledger.sqlite');

    for (const [file, message] of [
      [path, /newer tokentide/],
      [garbage, /cannot be used/],
      [below, /cannot open the ledger/],
    ] as const) {
      expect(() => ledgerAt(file)).toThrow(LedgerError);
      expect(() => ledgerAt(file)).toThrow(message);
    }
  });

  it('loses no acknowledged commit after kill -9', async () => {
    const script = join(folder, 'writer.mjs');
    const dist = new URL('../../build/ledger/ledger.js', import.meta.url);
    writeFileSync(
      script,
      `import { openLedger } from '${dist.href}';
       const ledger = openLedger('${path}');
       for (let i = 1; ; i++) {
         ledger.commit(() => { ledger.counters.add('a', 'n', 1); ledger.state.set('a', 'n', String(i)); });
         process.send(i);
       }`,
    );

    for (const killAt of [3, 17, 60]) {
      const child = fork(script);
      let acknowledged = 0;
      await new Promise<void>((resolve) => {
        child.on('message', (n) => {
          acknowledged = Number(n);
          if (acknowledged === killAt) child.kill('SIGKILL');
        });
        child.on('exit', () => resolve());
      });
      const ledger = ledgerAt();
      expect(Number(ledger.state.get('a', 'n'))).toBeGreaterThanOrEqual(acknowledged);
      ledger.close();
    }
  });
});

describe('gaps', () => {
  it('that touch are merged, with the earliest since, the newest error and one next try', () => {
    const { gaps } = ledgerAt(':memory:');
    gaps.open('a', gap('p', 0, 10));
    gaps.open('a', gap('p', 30, 40));

    gaps.open('a', gap('p', 10, 20, { since: 15, error: 'again', attempts: 2, nextTry: 2000 }));

    expect(gaps.of('a')).toEqual([
      gap('p', 0, 20, { error: 'again', attempts: 2, nextTry: 2000 }),
      gap('p', 30, 40, { since: 15, error: 'again', attempts: 2, nextTry: 2000 }),
    ]);
  });

  it('are filled in part, only for their own partition and job', () => {
    const { gaps } = ledgerAt(':memory:');
    gaps.open('a', gap('p', 0, 40));
    gaps.open('a', gap(ALL_PARTITIONS, 0, 40));
    gaps.open('b', gap('p', 0, 40));

    gaps.fill('a', 'p', { start: 10, end: 20 });

    const spans = (job: string) => gaps.of(job).map(({ partition, start, end }) => [partition, start, end]);
    expect(spans('a')).toEqual([
      [ALL_PARTITIONS, 0, 40],
      ['p', 0, 10],
      ['p', 20, 40],
    ]);
    expect(spans('b')).toEqual([['p', 0, 40]]);
  });

  it('that have expired are not merged with open ones', () => {
    const { gaps } = ledgerAt(':memory:');
    gaps.open('a', gap('p', 0, 10));
    expect(gaps.expire('a', 10)).toBe(1);

    gaps.open('a', gap('p', 10, 20));

    expect(gaps.of('a').map(({ start, end, expired }) => [start, end, expired])).toEqual([
      [0, 10, true],
      [10, 20, false],
    ]);
  });
});

describe('the spool', () => {
  const line = (time: number, series: string, text: string) => ({
    job: 'a',
    time,
    end: time + 10,
    series,
    line: text,
  });

  it('holds the newest value of a point, returns the oldest bucket first, and drops whole buckets', () => {
    const { spool } = ledgerAt(':memory:');
    spool.add([line(20, 's', 'later'), line(10, 's', 'old'), line(10, 't', 'other')]);
    spool.add([line(10, 's', 'new')]);

    expect(spool.oldest('a', 2)).toEqual([line(10, 's', 'new'), line(10, 't', 'other')]);
    expect(spool.size()).toBe(3);
    expect(spool.dropOldest()).toEqual({ job: 'a', window: { start: 10, end: 20 }, points: 2 });
    expect(spool.size()).toBe(1);
  });

  it('keeps a newer value that was spooled while the older one was written', () => {
    const { spool } = ledgerAt(':memory:');
    spool.add([line(10, 's', 'old')]);
    const writing = spool.oldest('a', 10);
    spool.add([line(10, 's', 'new')]);

    spool.remove(writing);

    expect(spool.oldest('a', 10)).toEqual([line(10, 's', 'new')]);
  });
});

describe('shared between processes', () => {
  it('each request to a host gets its own slot, after every pause', () => {
    const [mine, other] = [ledgerAt(), ledgerAt()];

    expect(mine.rateLimiter.acquire('host', 1000, 5000)).toBe(5000);
    expect(other.rateLimiter.acquire('host', 1000, 5000)).toBe(6000);
    other.rateLimiter.pause('host', 9000);
    expect(mine.rateLimiter.acquire('host', 1000, 5000)).toBe(9000);
    expect(mine.rateLimiter.acquire('elsewhere', 1000, 5000)).toBe(5000);
  });

  it('slots reserved before the clock moved backwards are ignored', () => {
    const { rateLimiter } = ledgerAt();
    rateLimiter.acquire('host', 1000, 100 * 3_600_000);

    expect(rateLimiter.acquire('host', 1000, 5000)).toBe(5000);
  });

  it('a lease has one holder, and is free when released or when its holder exits', () => {
    const [mine, other] = [ledgerAt(), ledgerAt()];

    expect(mine.leases.take('job a', 'run 1')).toBe(true);
    expect(other.leases.take('job a', 'backfill 2')).toBe(false);
    expect(other.leases.holder('job a')).toBe('run 1');
    expect(other.leases.take('job b', 'backfill 2')).toBe(true);
    mine.leases.release('job a', 'run 1');
    expect(other.leases.take('job a', 'backfill 2')).toBe(true);
    other.close();
    expect(mine.leases.take('job a', 'run 1')).toBe(true);
  });
});
