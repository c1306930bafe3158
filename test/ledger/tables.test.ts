import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openLedger, type Ledger } from '../../src/ledger/ledger.ts';
import { reopened } from '../support/ledger-file.ts';

const HOUR = 3600;

/** A ledger file filled for the jobs `a` and `b`, closed and opened again. */
function reopenedWithJobs(fill: (ledger: Ledger, job: string) => void): Ledger {
  return reopened((ledger) =>
    ledger.commit(() => {
      for (const job of ['a', 'b']) fill(ledger, job);
    }),
  );
}

describe('every table is durable and separates jobs', () => {
  it('checkpoints: replaced, removed, cleared', () => {
    const ledger = reopenedWithJobs(({ checkpoints }, job) => {
      checkpoints.add(job, { start: 0, end: 10 * HOUR, readAt: 11 * HOUR }, HOUR);
      checkpoints.add(job, { start: 2 * HOUR, end: 4 * HOUR, readAt: 30 * HOUR }, 100 * HOUR);
    });

    ledger.checkpoints.remove('a', [{ start: 0, end: HOUR }]);

    expect(ledger.checkpoints.of('a')).toEqual([
      { start: HOUR, end: 2 * HOUR, readAt: 11 * HOUR },
      { start: 2 * HOUR, end: 4 * HOUR, readAt: 30 * HOUR },
      { start: 4 * HOUR, end: 10 * HOUR, readAt: 11 * HOUR },
    ]);
    expect(ledger.checkpoints.of('a', { start: HOUR, end: HOUR + 1 })).toHaveLength(1);
    ledger.forget('a');
    expect(ledger.checkpoints.of('a')).toEqual([]);
    expect(ledger.checkpoints.of('b')).toHaveLength(3);
  });

  it('checkpoints of a moving lookback stay at most three rows', () => {
    const { checkpoints } = openLedger(':memory:');
    const lookback = 72 * HOUR;

    for (let hour = 73; hour < 1000; hour++) {
      checkpoints.add('a', { start: (hour - 73) * HOUR, end: hour * HOUR, readAt: hour * HOUR }, lookback);
    }

    expect(checkpoints.of('a').length).toBeLessThanOrEqual(3);
  });

  it('partitions: first and last seen', () => {
    const ledger = reopenedWithJobs(({ partitions }, job) => {
      partitions.seen(job, ['ann', 'bob'], 100);
      partitions.seen(job, ['bob'], 200);
    });

    expect([...ledger.partitions.of('a')]).toEqual([
      ['ann', { firstSeen: 100, lastSeen: 100 }],
      ['bob', { firstSeen: 100, lastSeen: 200 }],
    ]);
    ledger.forget('a');
    expect(ledger.partitions.of('a').size).toBe(0);
    expect(ledger.partitions.of('b').size).toBe(2);
  });

  it('last answers: exact, replaced, removed by window', () => {
    const fields = { input_tokens: 2n ** 63n - 1n, output_tokens: 0, images: 3 };
    const ledger = reopenedWithJobs(({ lastAnswers }, job) => {
      lastAnswers.put(job, [
        { time: 0, tags: { user: 'a\u0000=,b', model: 'm' }, fields: { input_tokens: 1 } },
        { time: 0, tags: { user: 'a\u0000=,b', model: 'm' }, fields },
        { time: HOUR, tags: {}, fields: { requests: 1 } },
      ]);
    });

    const all = { start: 0, end: 2 * HOUR };
    expect([...ledger.lastAnswers.of('a', all).values()]).toEqual([
      { time: 0, tags: { user: 'a\u0000=,b', model: 'm' }, fields },
      { time: HOUR, tags: {}, fields: { requests: 1 } },
    ]);
    ledger.lastAnswers.forget('a', { start: 0, end: HOUR });
    expect([...ledger.lastAnswers.of('a', all).values()].map(({ time }) => time)).toEqual([HOUR]);
    ledger.forget('a');
    expect(ledger.lastAnswers.of('a', all).size).toBe(0);
    expect(ledger.lastAnswers.of('b', all).size).toBe(2);
  });

  it('lateness and counters: accumulated', () => {
    const ledger = reopenedWithJobs(({ lateness, counters }, job) => {
      lateness.add(job, 600, 5);
      lateness.add(job, 0, 100);
      lateness.add(job, 600, 7);
      counters.add(job, 'revisions', 2);
      counters.add(job, 'revisions', 3);
    });

    expect(ledger.lateness.of('a')).toEqual([
      { age: 0, tokens: 100 },
      { age: 600, tokens: 12 },
    ]);
    expect(ledger.counters.of('a')).toEqual({ revisions: 5 });
    expect(ledger.counters.of('c')).toEqual({});
  });

  it('state, allowed values and overflow parts', () => {
    const share = {
      record: { time: 0, tags: { user: 'ann' }, fields: { input_tokens: 5 } },
      into: { user: '__other__' },
    };
    const ledger = reopenedWithJobs(({ state, allowedValues, overflowParts }, job) => {
      state.set(job, 'endpoint', 'old');
      state.set(job, 'endpoint', 'new');
      allowedValues.add(job, 'user', 'ann');
      allowedValues.add(job, 'user', 'ann');
      overflowParts.put(job, [share]);
    });

    expect(ledger.state.get('a', 'endpoint')).toBe('new');
    expect(ledger.state.get('a', 'nothing')).toBeUndefined();
    expect(ledger.allowedValues.of('a')).toEqual([{ tag: 'user', value: 'ann' }]);
    expect(ledger.overflowParts.of('a', [0, HOUR])).toEqual([share]);
    ledger.overflowParts.remove('a', [share]);
    expect(ledger.overflowParts.of('a', [0])).toEqual([]);
    expect(ledger.overflowParts.of('b', [0])).toEqual([share]);
  });

  it('jobs and reconciliations', () => {
    const row = { at: 10, start: 0, end: 5, provider: '9007199254740993', stored: '7', differences: 1 };
    const ledger = reopenedWithJobs(({ jobs, reconciliations }, job) => {
      jobs.save(job, { identity: `of ${job}`, clock: 5, rangeEnd: undefined });
      reconciliations.add(job, row);
    });

    expect(ledger.jobs.names()).toEqual(['a', 'b']);
    expect(ledger.jobs.of('a')).toEqual({ identity: 'of a', clock: 5, rangeEnd: undefined });
    expect(ledger.jobs.of('c')).toBeUndefined();
    expect(ledger.reconciliations.of('a')).toEqual([row]);
  });

  it('the spool: per job and in total', () => {
    const ledger = reopenedWithJobs(({ spool }, job) => {
      spool.add([{ job, time: 0, end: HOUR, series: 's', line: `of ${job}` }]);
    });

    expect(ledger.spool.oldest('b', 9)).toEqual([
      { job: 'b', time: 0, end: HOUR, series: 's', line: 'of b' },
    ]);
    ledger.forget('b');
    expect(ledger.spool.size()).toBe(1);
    ledger.spool.dropOldest();
    expect(ledger.spool.dropOldest()).toBeUndefined();
  });

  it('gaps: expired parts merge, also when a gap expires in steps', () => {
    const gap = { since: 5, kind: 'refused', error: 'no', attempts: 1, nextTry: 9, expired: false };
    const ledger = reopenedWithJobs(({ gaps }, job) => {
      gaps.open(job, { ...gap, partition: 'p', start: 0, end: 10 * HOUR });
      gaps.expire(job, 3 * HOUR);
      gaps.expire(job, 4 * HOUR);
    });
    const spans = () =>
      ledger.gaps.of('a').map(({ start, end, expired }) => [start / HOUR, end / HOUR, expired]);

    expect(spans()).toEqual([
      [0, 4, true],
      [4, 10, false],
    ]);
    ledger.gaps.invalidate('a', 8 * HOUR);
    expect(spans()).toEqual([
      [0, 4, false],
      [4, 8, false],
    ]);
    ledger.gaps.expirePartition('a', 'p');
    expect(ledger.gaps.openOf('a')).toEqual([]);
    expect(ledger.gaps.openOf('b')).toHaveLength(1);
  });

  it('forgetting a job removes its rows from every table, and no other', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tokentide-forget-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'ledger.sqlite');
    openLedger(path).close();
    const raw = new Database(path);
    const tables = raw
      .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%job%'")
      .all() as { name: string; sql: string }[];
    for (const { name } of tables) {
      const columns = raw.prepare(`SELECT name FROM pragma_table_info('${name}')`).all() as {
        name: string;
      }[];
      const names = columns.map((column) => column.name);
      for (const job of ['a', 'b']) {
        const values = names.map((column) =>
          column === 'job' || (name === 'job' && column === 'name') ? job : 1,
        );
        raw.prepare(`INSERT INTO ${name} VALUES (${names.map(() => '?').join(', ')})`).run(...values);
      }
    }
    raw.close();

    const ledger = openLedger(path);
    expect(ledger.forget('a')).toBe(tables.length);
    expect(ledger.forget('a')).toBe(0);
    expect(ledger.forget('b')).toBe(tables.length);
    expect(tables.length).toBeGreaterThan(10);
    ledger.close();
  });
});
