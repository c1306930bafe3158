import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leaseOf, withLease, type LeaseHolder } from '../../src/collect/jobs/lease.ts';
import { openLedger, type Ledger } from '../../src/ledger/ledger.ts';

const signal = new AbortController().signal;

let folder: string;
let ledger: Ledger;
let other: Database.Database;
let sleeps: number[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokentide-lease-'));
  const path = join(folder, 'ledger.sqlite');
  ledger = openLedger(path);
  other = new Database(path);
  sleeps = [];
});
afterEach(() => {
  other.close();
  ledger.close();
  rmSync(folder, { recursive: true });
});

/** No time passes; `onSleep` runs instead. */
function holderWith(onSleep: () => void = () => undefined): LeaseHolder {
  const sleep = (ms: number): Promise<void> => {
    sleeps.push(ms);
    onSleep();
    return Promise.resolve();
  };
  return { ledger, owner: 'run 1', now: () => 0, sleep };
}

const count = (): Promise<void> => Promise.resolve(ledger.commit(() => ledger.counters.add('a', 'n', 1)));

describe('while another process has the ledger locked', () => {
  it('work on a job waits without blocking the event loop, and starts when the lock is released', async () => {
    other.exec('BEGIN IMMEDIATE');
    const holder = holderWith(() => {
      if (sleeps.length === 3) other.exec('ROLLBACK');
    });

    await withLease(holder, 'a', signal, count);

    expect(sleeps).toEqual([250, 250, 250]);
    expect(ledger.counters.of('a')).toEqual({ n: 1 });
  });

  it('work that has waited for 10 seconds fails with a hint, and the lease is free again', async () => {
    other.exec('BEGIN IMMEDIATE');

    await expect(withLease(holderWith(), 'a', signal, count)).rejects.toMatchObject({
      kind: 'busy',
      message: expect.stringContaining('is locked by another process'),
      hint: expect.stringContaining('find the process'),
    });

    other.exec('ROLLBACK');
    expect(sleeps.reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(10_000, -3);
    expect(ledger.counters.of('a')).toEqual({});
    expect(ledger.leases.take(leaseOf('a'), 'run 2')).toBe(true);
  });
});

it('work on a job starts at once while nobody else uses the ledger', async () => {
  await withLease(holderWith(), 'a', signal, count);

  expect(sleeps).toEqual([]);
  expect(ledger.counters.of('a')).toEqual({ n: 1 });
});
