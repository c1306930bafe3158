import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLedger, type Ledger } from '../../src/ledger/ledger.ts';

const HOUR = 3600;
const window = { start: 0, end: 2 * HOUR };

let folder: string;
let ledger: Ledger;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokentide-at-hand-'));
  ledger = openLedger(join(folder, 'ledger.sqlite'));
  put(ledger, 0, 1);
});

afterEach(() => {
  ledger.close();
  rmSync(folder, { recursive: true });
});

function put(into: Ledger, time: number, requests: number): void {
  into.commit(() => into.lastAnswers.put('a', [{ time, tags: { user: 'ann' }, fields: { requests } }]));
}

function lastAnswers(): number[] {
  return ledger.lastAnswers
    .of('a', window)
    .values()
    .map(({ fields }) => Number(fields.requests));
}

describe('a window that is asked for again', () => {
  it('is not read from the table while nothing has changed', () => {
    expect(ledger.lastAnswers.of('a', window)).toBe(ledger.lastAnswers.of('a', window));
  });

  it('shows what was written, forgotten and cleared since', () => {
    expect(lastAnswers()).toEqual([1]);
    put(ledger, 0, 2);
    expect(lastAnswers()).toEqual([2]);
    put(ledger, HOUR, 3);
    expect(lastAnswers()).toEqual([2, 3]);
    ledger.lastAnswers.forget('a', { start: 0, end: HOUR });
    expect(lastAnswers()).toEqual([3]);
    ledger.forget('a');
    expect(lastAnswers()).toEqual([]);
  });

  it('shows what another process has written', () => {
    expect(lastAnswers()).toEqual([1]);
    const other = openLedger(join(folder, 'ledger.sqlite'));
    put(other, 0, 5);
    other.close();
    expect(lastAnswers()).toEqual([5]);
  });

  it('shows nothing of a commit that failed', () => {
    expect(lastAnswers()).toEqual([1]);
    expect(() =>
      ledger.commit(() => {
        ledger.lastAnswers.put('a', [{ time: 0, tags: { user: 'ann' }, fields: { requests: 9 } }]);
        expect(lastAnswers()).toEqual([9]);
        throw new Error('disk full');
      }),
    ).toThrow('disk full');
    expect(lastAnswers()).toEqual([1]);
  });

  it('is left alone by writes to other windows and jobs', () => {
    const before = ledger.lastAnswers.of('a', window);
    put(ledger, 2 * HOUR, 7);
    ledger.forget('b');
    expect(ledger.lastAnswers.of('a', window)).toBe(before);
  });

  it('gives way to others where they hold too much together', () => {
    const before = ledger.lastAnswers.of('a', window);
    for (const start of [2, 4, 6]) {
      const users = Array.from({ length: 8000 }, (_, i) => ({
        time: start * HOUR,
        tags: { user: `u${i}` },
        fields: { requests: 1 },
      }));
      ledger.commit(() => ledger.lastAnswers.put('a', users));
      expect(ledger.lastAnswers.of('a', { start: start * HOUR, end: (start + 2) * HOUR }).size).toBe(8000);
    }
    const again = ledger.lastAnswers.of('a', window);
    expect(again).not.toBe(before);
    expect(again.values()).toEqual(before.values());
  });
});
