import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { expect, onTestFinished, test } from 'vitest';
import type { IncidentRow } from '../../src/ledger/incidents.ts';
import { openLedger } from '../../src/ledger/ledger.ts';

const OPEN: IncidentRow = {
  id: 'a-0001',
  job: 'ucloud',
  rule: 'spike_key',
  severity: 'page',
  tags: { provider: 'ucloud', account: 'main', key: "k'1" },
  opened: 3600,
  last: 7200,
  value: 5_000_000,
  expected: 100_000.5,
  limit: 300_000,
  told: 4_000_000,
  text: 'key k1: 5 M tokens',
  related: [{ provider: 'ucloud', account: 'main' }],
};
const CLOSED: IncidentRow = {
  ...OPEN,
  id: 'a-0002',
  severity: 'notice',
  opened: 36_000,
  last: 39_600,
  closed: 50_000,
  reason: 'corrected',
  label: { as: 'expected', at: 40_000, value: 5_000_000 },
};

test('an incident is read as it was put, and a later state replaces it', () => {
  const { incidents } = openLedger(':memory:');

  for (const incident of [OPEN, CLOSED]) incidents.put(incident);
  incidents.put({ ...OPEN, value: 6_000_000 });

  expect(incidents.get('a-0001')).toEqual({ ...OPEN, value: 6_000_000 });
  expect(incidents.get('a-0002')).toEqual(CLOSED);
  expect(incidents.get('a-0003')).toBeUndefined();
  expect(incidents.openBySeverity()).toEqual({ notice: 0, page: 1 });
  expect(incidents.expected(OPEN.tags)).toEqual([CLOSED]);
});

test('open incidents are listed whatever their age, closed ones only if they are recent', () => {
  const { incidents } = openLedger(':memory:');
  for (const incident of [OPEN, CLOSED]) incidents.put(incident);

  expect(incidents.since(39_600).map(({ id }) => id)).toEqual(['a-0002', 'a-0001']);
  expect(incidents.since(39_601).map(({ id }) => id)).toEqual(['a-0001']);
  expect(incidents.ofAccount(OPEN.tags, 0).map(({ id }) => id)).toEqual(['a-0001', 'a-0002']);
  expect(incidents.ofAccount({ provider: 'ucloud', account: 'other' }, 0)).toEqual([]);
});

test('a ledger of layout 1 has the table after the upgrade', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-incidents-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'ledger.sqlite');
  const old = new Database(path);
  old.exec(readFileSync(new URL('layout-1.sql', import.meta.url), 'utf8'));
  old.close();

  const ledger = openLedger(path);
  ledger.incidents.put(OPEN);

  expect(ledger.forget('ucloud')).toBe(1);
  expect(ledger.incidents.get('a-0001')).toBeUndefined();
  ledger.close();
});
