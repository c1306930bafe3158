import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
import { afterAll, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { StoreError } from '../../src/store/store.ts';
import type { Fields, Point, Tags } from '../../src/usage/point.ts';
import { storeContract } from './contract.ts';

const HOUR = 3600;
const WRITER = fileURLToPath(new URL('sqlite-writer.mjs', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'tokentide-sqlite-'));
let files = 0;

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function newPath(): string {
  return join(folder, `points-${++files}.db`);
}

function point(time: number, tags: Tags, fields: Fields): Point {
  return { time, tags: { provider: 'trae', ...tags }, fields };
}

function storeErrorOf(work: () => unknown): StoreError {
  try {
    work();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}

storeContract('SQLite in memory', (catalogue) => openSqliteStore(':memory:', catalogue));
storeContract('SQLite in a file', (catalogue) => openSqliteStore(newPath(), catalogue));
const reopened = newPath();
storeContract('SQLite in a file opened again', (catalogue) => openSqliteStore(reopened, catalogue));

describe('points', () => {
  it('are given back as written, in order of time, from the range and series asked for', async () => {
    const store = openSqliteStore(newPath());
    const ann = point(HOUR, { user: 'ann' }, { input_tokens: 1, output_tokens: 2n ** 60n });
    const bob = point(HOUR, { user: 'bob' }, { input_tokens: 2 ** 52, images: 0 });
    const later = point(2 * HOUR, { user: 'ann' }, { cache_write_tokens: 3 });
    await store.write([later, ann, bob]);

    const all = await store.points({ start: 0, end: 3 * HOUR });

    expect(all).toHaveLength(3);
    expect(all).toEqual(expect.arrayContaining([ann, bob, later]));
    expect(all.at(-1)).toEqual(later);
    expect(await store.points({ start: HOUR, end: 2 * HOUR, where: { user: 'ann' } })).toEqual([ann]);
    expect(await store.points({ start: HOUR + 1, end: 2 * HOUR })).toEqual([]);
    expect(await store.points({ start: 0, end: 3 * HOUR, where: { user: '' } })).toEqual([]);
    await store.close();
  });

  it('spell a count as a number while that is exact', async () => {
    const store = openSqliteStore(':memory:');
    await store.write([
      point(0, {}, { input_tokens: 5n, output_tokens: 2n ** 53n, requests: Number.MAX_SAFE_INTEGER }),
    ]);

    const [stored] = await store.points({ start: 0, end: 1 });

    expect(stored?.fields).toEqual({
      input_tokens: 5,
      output_tokens: 2n ** 53n,
      requests: Number.MAX_SAFE_INTEGER,
    });
    await store.close();
  });

  it('are right although another process adds, removes and renumbers series', async () => {
    const path = newPath();
    const [mine, other] = [openSqliteStore(path), openSqliteStore(path)];
    await mine.write([point(0, { user: 'ann' }, { requests: 1 })]);
    await mine.points({ start: 0, end: HOUR });

    await other.remove({ start: 0, end: HOUR, where: {} });
    await other.write([point(HOUR, { user: 'bob' }, { requests: 2 })]);
    await mine.write([point(HOUR, { user: 'ann' }, { requests: 4 })]);

    const expected = [
      point(HOUR, { user: 'bob' }, { requests: 2 }),
      point(HOUR, { user: 'ann' }, { requests: 4 }),
    ];
    expect(await mine.points({ start: 0, end: 2 * HOUR })).toEqual(expected);
    expect(await other.points({ start: 0, end: 2 * HOUR })).toEqual(expected);
    await mine.close();
    await other.close();
  });

  it('of 25,000 series are all found', async () => {
    const store = openSqliteStore(newPath());
    const points = Array.from({ length: 25_000 }, (_, i) =>
      point(HOUR, { user: `user-${i}` }, { requests: i }),
    );
    await store.write(points);
    await store.write(points);

    const stored = [
      ...(await store.points({ start: 0, end: 2 * HOUR })),
      ...(await store.points({ start: 0, end: 2 * HOUR })),
    ];

    expect(new Set(stored.map(({ tags, fields }) => `${tags.user} ${fields.requests}`)).size).toBe(25_000);
    expect(stored.every(({ tags, fields }) => tags.user === `user-${fields.requests}`)).toBe(true);
    await store.close();
  });
});

describe('remove', () => {
  it('removes the points of the range and series named, and no others', async () => {
    const store = openSqliteStore(newPath());
    await store.write([
      point(0, { user: 'ann' }, { requests: 1 }),
      point(HOUR, { user: 'ann' }, { requests: 2 }),
      point(0, { user: 'bob' }, { requests: 4 }),
    ]);

    await store.remove({ start: 0, end: HOUR, where: { user: 'ann' } });
    await store.remove({ start: 0, end: HOUR, where: { user: 'ann' } });

    expect(await store.sums({ start: 0, end: 2 * HOUR, by: ['user'] })).toEqual([
      { tags: { user: 'ann' }, fields: { requests: 2 } },
      { tags: { user: 'bob' }, fields: { requests: 4 } },
    ]);
    await store.close();
  });

  it('drops series without points, which may come back', async () => {
    const path = newPath();
    const store = openSqliteStore(path);
    await store.write([
      point(0, { user: 'ann' }, { requests: 1 }),
      point(HOUR, { user: 'bob' }, { requests: 2 }),
    ]);

    await store.remove({ start: 0, end: HOUR, where: {} });
    const left = query(path, 'SELECT user FROM llm_token_usage_series');
    await store.write([point(HOUR, { user: 'ann' }, { requests: 4 })]);

    expect(left).toEqual([['bob']]);
    expect(await store.sums({ start: 0, end: 2 * HOUR, by: ['user'] })).toEqual([
      { tags: { user: 'ann' }, fields: { requests: 4 } },
      { tags: { user: 'bob' }, fields: { requests: 2 } },
    ]);
    await store.close();
  });
});

describe('a sum', () => {
  it('above 2^63-1 is an error that says so', async () => {
    const store = openSqliteStore(':memory:');
    await store.write([point(0, {}, { input_tokens: 2n ** 63n - 1n }), point(HOUR, {}, { input_tokens: 1 })]);

    await expect(store.sums({ start: 0, end: 2 * HOUR, by: [] })).rejects.toThrow(/2\^63-1/);
    expect(await store.sums({ start: 0, end: HOUR, by: [] })).toEqual([
      { tags: {}, fields: { input_tokens: 2n ** 63n - 1n } },
    ]);
    await store.close();
  });
});

describe('the file', () => {
  it('is made with its folder, and keeps what was written', async () => {
    const path = join(folder, 'new', 'folder', 'points.db');
    const store = openSqliteStore(path);
    await store.write([point(0, {}, { requests: 1 })]);
    await store.close();

    const again = openSqliteStore(path);

    expect(await again.points({ start: 0, end: 1 })).toEqual([point(0, {}, { requests: 1 })]);
    expect(again.identity).toBe(store.identity);
    await again.close();
  });

  it('can be read while another process is in the middle of a write', async () => {
    const path = newPath();
    const store = openSqliteStore(path);
    await store.write([point(0, {}, { requests: 1 })]);
    const other = new Database(path);
    other.exec('BEGIN IMMEDIATE; UPDATE llm_token_usage SET requests = 2');

    expect((await store.points({ start: 0, end: 1 }))[0]?.fields).toEqual({ requests: 1 });

    other.exec('COMMIT');
    expect((await store.points({ start: 0, end: 1 }))[0]?.fields).toEqual({ requests: 2 });
    other.close();
    await store.close();
  });

  it('is closed: every use says so', async () => {
    const store = openSqliteStore(newPath());
    await store.close();

    await expect(store.write([point(0, {}, { requests: 1 })])).rejects.toThrow(/closed/);
    await expect(store.sums({ start: 0, end: 1, by: [] })).rejects.toThrow(/closed/);
    await expect(store.points({ start: 0, end: 1 })).rejects.toThrow(/closed/);
  });

  it('is refused when it is no database, and left as it is', () => {
    const path = newPath();
    const text = 'not a database, but long enough to be one. '.repeat(50);
    writeFileSync(path, text);

    const error = storeErrorOf(() => openSqliteStore(path));

    expect(error).toMatchObject({ kind: 'config', hint: expect.stringContaining('another file') });
    expect(error.message).toContain(`${path} is not a SQLite database`);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('is refused when another program made it', () => {
    const path = newPath();
    const other = new Database(path);
    other.exec('CREATE TABLE theirs (value)');
    other.close();

    const error = storeErrorOf(() => openSqliteStore(path));

    expect(error.kind).toBe('config');
    expect(error.message).toContain('another program');
    expect(query(path, 'SELECT name FROM sqlite_schema')).toEqual([['theirs']]);
  });

  it('gets the tags and fields that an older version did not have', async () => {
    const path = newPath();
    const before = openSqliteStore(path);
    await before.write([point(0, { user: 'ann' }, { requests: 1 })]);
    await before.close();
    const older = new Database(path);
    older.exec(
      'ALTER TABLE llm_token_usage DROP COLUMN images; ALTER TABLE llm_token_usage_series DROP COLUMN team;',
    );
    older.close();

    const store = openSqliteStore(path);
    await store.write([point(0, { user: 'bob', team: 'web' }, { images: 2 })]);

    expect(await store.sums({ start: 0, end: HOUR, by: ['team'] })).toEqual([
      { tags: {}, fields: { requests: 1 } },
      { tags: { team: 'web' }, fields: { images: 2 } },
    ]);
    await store.close();
  });

  it('is refused when a newer version wrote it', async () => {
    const path = newPath();
    await openSqliteStore(path).close();
    const other = new Database(path);
    other.exec('PRAGMA user_version = 99');
    other.close();

    const error = storeErrorOf(() => openSqliteStore(path));

    expect(error.kind).toBe('config');
    expect(error.message).toMatch(/newer tokentide \(layout 99/);
  });

  it.each([
    ['a file stands where its folder should be', () => join(writeFile(newPath(), 'x'), 'points.db')],
    ['it is a folder', () => folder],
    ['its folder cannot be made', () => '/proc/tokentide/points.db'],
  ])('is refused when %s', (_, path) => {
    const error = storeErrorOf(() => openSqliteStore(path()));

    expect(error).toMatchObject({ kind: 'config', hint: expect.stringContaining('writable') });
  });

  it('is refused with a hint when it is damaged', async () => {
    const path = newPath();
    const store = openSqliteStore(path);
    await store.write(Array.from({ length: 2000 }, (_, i) => point(i * HOUR, {}, { requests: i })));
    await store.close();
    checkpoint(path);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0xee, 4096));

    const error = storeErrorOf(() => openSqliteStore(path));

    expect(error).toMatchObject({ kind: 'config', hint: expect.stringContaining('copy') });
  });
});

describe('a full disk', () => {
  it('keeps the points of the write, to be written again, and stores them when there is room', async () => {
    const path = newPath();
    const script = fileURLToPath(new URL('sqlite-full-disk.mjs', import.meta.url));

    // A process may be limited in how large its files grow (in units of 512 bytes here): that needs no small disk and no root.
    const output = execFileSync('sh', [
      '-c',
      `trap '' XFSZ; ulimit -f 600; exec "$0" "$1" "$2"`,
      process.execPath,
      script,
      path,
    ]);

    const { written, result } = JSON.parse(output.toString()) as { written: number; result: unknown };
    expect(written).toBeGreaterThan(0);
    expect(result).toMatchObject({ accepted: 0, kept: 5000, kind: 'unavailable' });
    const store = openSqliteStore(path);
    expect(await store.points({ start: 0, end: 10 ** 9 })).toHaveLength(written);
    expect(query(path, 'PRAGMA integrity_check')).toEqual([['ok']]);
  });
});

describe('kill -9 in the middle of writing', () => {
  it('loses no acknowledged point and damages nothing', async () => {
    const path = newPath();
    let next = 1;
    for (const kills of [1, 2, 3, 5, 8]) {
      const acknowledged = await writeUntilKilled(path, next, kills);

      const store = openSqliteStore(path);
      const rows = await store.sums({ start: 0, end: (acknowledged + 1) * HOUR, by: [] });
      const [sum, count] = expectedSums(acknowledged);
      expect(rows).toEqual([{ tags: {}, fields: { input_tokens: sum, requests: count } }]);
      expect(query(path, 'PRAGMA integrity_check')).toEqual([['ok']]);
      await store.close();
      next = acknowledged + 1;
    }
  });
});

const BATCH = 2000;

/** Runs the writer from batch `first` on and kills it after `acks` acknowledgements. Resolves to the last one. */
function writeUntilKilled(path: string, first: number, acks: number): Promise<number> {
  expect(
    existsSync(new URL('../../build/store/sqlite.js', import.meta.url)),
    'npm run build comes first',
  ).toBe(true);
  const child = spawn(process.execPath, [WRITER, path, String(first), String(BATCH)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let last = 0;
    let seen = 0;
    createInterface({ input: child.stdout }).on('line', (line) => {
      last = Number(line);
      if (++seen === acks) child.kill('SIGKILL');
    });
    child.on('close', (_, signal) => {
      if (signal === 'SIGKILL') resolve(last);
      else reject(new Error(`the writer exited (${signal})`));
    });
  });
}

/** Of the batches 1 to `last`: the input tokens and the requests. */
function expectedSums(last: number): [number, number] {
  const perBatch = (BATCH * (BATCH - 1)) / 2;
  const batches = (last * (last + 1)) / 2;
  return [batches * 1000 * BATCH + last * perBatch, last * BATCH];
}

function query(path: string, sql: string): unknown[] {
  const database = new Database(path);
  const rows = database.prepare(sql).raw().all();
  database.close();
  return rows;
}

function checkpoint(path: string): void {
  query(path, 'PRAGMA wal_checkpoint(TRUNCATE)');
}

function writeFile(path: string, text: string): string {
  writeFileSync(path, text);
  return path;
}
