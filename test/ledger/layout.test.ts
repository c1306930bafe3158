import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokentide-layout-'));
  path = join(folder, 'ledger.sqlite');
  const old = new Database(path);
  old.exec(readFileSync(new URL('layout-1.sql', import.meta.url), 'utf8'));
  old.close();
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a ledger of layout 1 is upgraded with all its rows', () => {
  const ledger = openLedger(path);

  expect(ledger.jobs.of('a')).toEqual({
    identity: '{"store":"sqlite:/data/usage.sqlite"}',
    clock: 1000,
    rangeEnd: 'inclusive',
  });
  expect(ledger.checkpoints.of('a')).toEqual([{ start: 0, end: 3600, readAt: 7200 }]);
  expect(ledger.gaps.of('a')).toMatchObject([
    { partition: 'user:ann', start: 0, end: 3600, kind: 'invalid_response', attempts: 2, expired: false },
    { partition: '*', start: 3600, end: 7200, kind: 'window_too_large', nextTry: 9000, expired: true },
  ]);
  expect(ledger.partitions.of('a')).toEqual(new Map([['user:ann', { firstSeen: 100, lastSeen: 200 }]]));
  expect(ledger.lateness.of('a')).toEqual([{ age: 600, tokens: 12 }]);
  expect(ledger.counters.of('a')).toEqual({ revisions: 3, mismatches: 4 });
  expect(ledger.state.get('a', 'discovered')).toBe('200');
  expect(ledger.allowedValues.of('a')).toEqual([{ tag: 'user', value: 'ann' }]);
  expect(ledger.spool.oldest('a', 9)).toEqual([{ job: 'a', time: 0, end: 3600, series: 's', line: 'line' }]);
  expect(ledger.lastAnswers.of('a', { start: 0, end: 1 }).values()).toEqual([
    {
      time: 0,
      tags: { model: 'm', user: 'ann' },
      fields: { input_tokens: 2n ** 63n - 1n, output_tokens: 5, requests: 1, images: 2 },
    },
  ]);
  expect(ledger.overflowParts.of('a', [0])).toEqual([
    { record: { time: 0, tags: { user: 'ann' }, fields: { input_tokens: 5 } }, into: { user: '__other__' } },
  ]);
  expect(ledger.rateLimiter.acquire('host', 1000, 5000)).toBe(6000);
  expect(ledger.leases.holder('job a')).toBe('run 1');
  expect(ledger.reconciliations.of('a')).toEqual([
    { at: 10, start: 0, end: 5, provider: '9007199254740993', stored: '7', differences: 1 },
  ]);
  ledger.close();
});

test('a ledger of layout 2 is upgraded', () => {
  rmSync(path);
  openLedger(path).close();
  const layout2 = new Database(path);
  layout2.exec('DROP TABLE incident; DROP TABLE notification; PRAGMA user_version = 2');
  layout2.close();

  const ledger = openLedger(path);

  expect(ledger.notifications.channelsWithWaiting()).toEqual([]);
  ledger.close();
});

test('an upgraded ledger has the tables of a new one', () => {
  const schemaOf = (file: string): unknown[] => {
    openLedger(file).close();
    const raw = new Database(file);
    const columns = raw
      .prepare(
        `SELECT tables.name AS name, columns.name AS field, columns.type AS type, columns.pk AS pk
         FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
         WHERE tables.type = 'table' ORDER BY 1, 2`,
      )
      .all()
      .map((row) => Object.values(row as object).slice(0, 4));
    const indexes = raw
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
      .raw()
      .all();
    raw.close();
    return [columns, indexes];
  };

  expect(schemaOf(path)).toEqual(schemaOf(join(folder, 'new.sqlite')));
});
