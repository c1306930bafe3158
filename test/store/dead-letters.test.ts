import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDeadLetters, type DeadLetter } from '../../src/store/dead-letters.ts';
import { StoreError } from '../../src/store/store.ts';
import { parseLine } from '../../src/usage/line-protocol.ts';
import { hourly } from '../support/influx-points.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokentide-letters-'));
  path = join(folder, 'rejected.jsonl');
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const now = (): number => Date.UTC(2025, 0, 1);

describe('dead letters', () => {
  it('are points in line protocol with the reason and the time', () => {
    const letters = openDeadLetters({ path, now });
    const odd = { ...hourly(1), tags: { user: 'a\nb\\' } };

    letters.add([{ point: odd, reason: 'field type conflict' }]);

    expect(readFileSync(path, 'utf8')).toBe(
      '{"at":"2025-01-01T00:00:00.000Z","reason":"field type conflict","line":"llm_token_usage,user=a%0Ab%5C requests=2i 1735693200"}\n',
    );
    expect(readDeadLetters(path).map(({ line = '' }) => parseLine(line))).toEqual([odd]);
    expect(letters.count()).toBe(1);
  });

  it('hold points that cannot be a line as JSON, with counts as text', () => {
    const letters = openDeadLetters({ path, now });
    const points = [
      { ...hourly(0), fields: {} },
      { ...hourly(0), fields: { requests: 2n ** 70n, images: Number.NaN } },
    ];

    letters.add(points.map((point) => ({ point, reason: 'no' })));

    expect(readDeadLetters(path).map(({ point }) => point)).toEqual([
      { ...hourly(0), fields: {} },
      { ...hourly(0), fields: { requests: `${2n ** 70n}`, images: 'NaN' } },
    ]);
  });

  it('are counted over restarts, and readable by their owner only', () => {
    openDeadLetters({ path, now }).add([{ point: hourly(0), reason: 'a' }]);
    const letters = openDeadLetters({ path, now });
    letters.add([
      { point: hourly(1), reason: 'b' },
      { point: hourly(2), reason: 'c' },
    ]);

    expect(letters.count()).toBe(3);
    expect(readDeadLetters(path).map(({ reason }) => reason)).toEqual(['a', 'b', 'c']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('create no file without rejected points', () => {
    const letters = openDeadLetters({ path, now });

    letters.add([]);

    expect(letters.count()).toBe(0);
    expect(readDeadLetters(path)).toEqual([]);
  });

  it('survive a line that a power failure left incomplete', () => {
    openDeadLetters({ path, now }).add([{ point: hourly(0), reason: 'a' }]);
    appendFileSync(path, '{"at":"2025-01-01T00:00:00.000Z","rea');
    const letters = openDeadLetters({ path, now });

    letters.add([{ point: hourly(1), reason: 'b' }]);

    expect(readDeadLetters(path).map(({ reason }) => reason)).toEqual(['a', 'b']);
    expect(letters.count()).toBe(2);
  });

  it('stay below their size; the oldest are discarded and counted', () => {
    const letters = openDeadLetters({ path, now, maxBytes: 10_000 });

    for (let index = 0; index < 500; index++) letters.add([{ point: hourly(index), reason: `${index}` }]);

    const kept = readDeadLetters(path).map(({ reason }) => Number(reason));
    expect(statSync(path).size + statSync(`${path}.old`).size).toBeLessThanOrEqual(10_000);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => 500 - kept.length + index));
    expect(kept.length).toBeGreaterThan(20);
    expect(letters.count()).toBe(kept.length);
    expect(letters.discarded()).toBe(500 - kept.length);
    const opened = openDeadLetters({ path, now });
    expect([opened.count(), opened.discarded()]).toEqual([kept.length, 500 - kept.length]);
  });

  it('continue after the file was moved', () => {
    const letters = openDeadLetters({ path, now });
    letters.add([{ point: hourly(0), reason: 'a' }]);
    rmSync(path);

    letters.add([{ point: hourly(1), reason: 'b' }]);

    expect(readDeadLetters(path).map(({ reason }) => reason)).toEqual(['b']);
  });

  it('report why the file cannot be written', () => {
    const letters = openDeadLetters({ path, now });
    mkdirSync(path);
    const add = (): void => letters.add([{ point: hourly(0), reason: 'a' }]);

    expect(add).toThrow(StoreError);
    expect(add).toThrow(/rejected\.jsonl cannot be used/);
    expect(() => openDeadLetters({ path, now })).toThrow(/rejected\.jsonl cannot be used/);
  });
});

/** The entries of both files, oldest first, without incomplete lines. */
function readDeadLetters(path: string): DeadLetter[] {
  return [`${path}.old`, path]
    .filter((each) => existsSync(each))
    .flatMap((each) => readFileSync(each, 'utf8').split('\n'))
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as DeadLetter];
      } catch {
        return [];
      }
    });
}
