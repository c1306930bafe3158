import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openLedger, type Ledger } from '../../src/ledger/ledger.ts';

/** A ledger file after `fill`, closed and opened again. */
export function reopened(fill: (ledger: Ledger) => void): Ledger {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-ledger-'));
  const before = openLedger(join(folder, 'ledger.sqlite'));
  fill(before);
  before.close();
  const ledger = openLedger(join(folder, 'ledger.sqlite'));
  onTestFinished(() => {
    ledger.close();
    rmSync(folder, { recursive: true });
  });
  return ledger;
}
