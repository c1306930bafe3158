import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
import { afterAll, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { openSqliteFile } from '../../src/store/sqlite/database.ts';
import { storeError } from '../../src/store/sqlite/errors.ts';
import { seriesCondition } from '../../src/store/sqlite/series-table.ts';
import { StoreError } from '../../src/store/store.ts';
import { USAGE } from '../../src/usage/catalogue.ts';
import type { Fields, Point, Tags } from '../../src/usage/point.ts';
import { seriesKey } from '../../src/usage/series.ts';
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

/** A file of the first version, with a reconciliation among the usage. */
const LAYOUT_1 = `
  CREATE TABLE series (
    id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE,
    account TEXT, bucket TEXT, endpoint TEXT, key TEXT, model TEXT, model_source TEXT, model_type TEXT, project TEXT,
    provider TEXT, scene TEXT, team TEXT, user TEXT
  ) STRICT;
  CREATE TABLE points (
    time INTEGER NOT NULL, series INTEGER NOT NULL,
    input_tokens INTEGER, output_tokens INTEGER, total_tokens INTEGER, cached_input_tokens INTEGER,
    cache_write_tokens INTEGER, requests INTEGER, images INTEGER,
    reconciled_provider_tokens INTEGER, reconciled_stored_tokens INTEGER,
    PRIMARY KEY (time, series)
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = 0x544b5054;
  PRAGMA user_version = 1;
  INSERT INTO series (id, identity, provider, user) VALUES
    (1, '${seriesKey({ provider: 'trae', user: 'ann' })}', 'trae', 'ann');
  INSERT INTO series (id, identity, account, bucket, provider) VALUES
    (2, '${seriesKey({ account: 'main', bucket: 'reconcile', provider: 'trae' })}', 'main', 'reconcile', 'trae');
  INSERT INTO points (time, series, input_tokens, output_tokens, requests) VALUES (0, 1, 1, 2, 1);
  INSERT INTO points (time, series, input_tokens, output_tokens, total_tokens) VALUES (${HOUR}, 1, 1, 2, 10);
  INSERT INTO points (time, series, images) VALUES (${2 * HOUR}, 1, 4);
  INSERT INTO points (time, series, output_tokens) VALUES (${3 * HOUR}, 1, 5);
  INSERT INTO points (time, series, input_tokens, output_tokens) VALUES (${4 * HOUR}, 1, 9223372036854775807, 1);
  INSERT INTO points (time, series, reconciled_provider_tokens, reconciled_stored_tokens) VALUES (${5 * HOUR}, 2, 9, 7);
`;

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

describe('a list of values', () => {
  it('of any length is one and the same statement', async () => {
    const seen = new Set<string>();
    for (const length of [1, 2, 500]) {
      const values = Array.from({ length }, (_, i) => `user-${i}`);
      seen.add(seriesCondition(USAGE, {}, { tag: 'user', values }).sql);
    }

    expect(seen.size).toBe(1);
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

  it('of layout 1 is upgraded: tokens are filled in, reconciliations moved', async () => {
    const path = newPath();
    const old = new Database(path);
    old.exec(LAYOUT_1);
    old.close();

    const store = openSqliteStore(path);

    const all = { start: 0, end: 10 * HOUR };
    expect(await store.points(all)).toEqual([
      point(0, { user: 'ann' }, { tokens: 3, input_tokens: 1, output_tokens: 2, requests: 1 }),
      point(HOUR, { user: 'ann' }, { tokens: 10, input_tokens: 1, output_tokens: 2, total_tokens: 10 }),
      point(2 * HOUR, { user: 'ann' }, { images: 4 }),
      point(3 * HOUR, { user: 'ann' }, { tokens: 5, output_tokens: 5 }),
      point(4 * HOUR, { user: 'ann' }, { input_tokens: 2n ** 63n - 1n, output_tokens: 1 }),
    ]);
    const measurement = 'llm_token_reconciliation';
    expect(await store.points({ ...all, measurement })).toEqual([
      {
        measurement,
        time: 5 * HOUR,
        tags: { provider: 'trae', account: 'main' },
        fields: { provider_tokens: 9, stored_tokens: 7, difference: -2 },
      },
    ]);
    expect(
      query(path, `SELECT name FROM sqlite_schema WHERE name IN ('points', 'series', 'points_1')`),
    ).toEqual([]);
    expect(query(path, 'SELECT count(*) FROM llm_token_usage_series')).toEqual([[1]]);
    await store.write([point(0, { user: 'ann' }, { requests: 2 })]);
    expect(await store.sums({ ...all, end: HOUR, by: [] })).toEqual([
      { tags: {}, fields: { tokens: 3, input_tokens: 1, output_tokens: 2, requests: 2 } },
    ]);
    await store.close();
    expect(openSqliteStore(path).identity).toBe(store.identity);
  });

  it('has the same identity wherever it is moved, and another than any other file', async () => {
    const [data, moved] = [newPath(), newPath()];
    const store = openSqliteStore(join(data, 'usage.sqlite'));
    await store.close();
    renameSync(data, moved);

    const again = openSqliteStore(join(moved, 'usage.sqlite'));
    const other = openSqliteStore(join(data, 'usage.sqlite'));

    expect(again.identity).toBe(store.identity);
    expect(again.formerIdentities).toEqual([`sqlite:${moved}/usage.sqlite`]);
    expect(other.identity).not.toBe(store.identity);
    await again.close();
    await other.close();
  });

  it('and its write-ahead log are readable for their owner alone', async () => {
    const path = newPath();
    const store = openSqliteStore(path);
    await store.write([point(0, {}, { requests: 1 })]);

    for (const name of [path, `${path}-wal`]) expect(statSync(name).mode & 0o777).toBe(0o600);
    await store.close();
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

describe('an error of SQLite', () => {
  const sqliteError = (code: string, message: string): Error => Object.assign(new Error(message), { code });

  it.each([
    ['SQLITE_FULL', 'database or disk is full'],
    ['SQLITE_IOERR_WRITE', 'disk I/O error'],
    ['SQLITE_CANTOPEN', 'unable to open database file'],
    ['ENOSPC', 'no space left on device'],
  ])('%s (%s) on a full disk says that the disk is full', (code, message) => {
    expect(storeError(sqliteError(code, message), '/data/usage.sqlite', () => 0)).toMatchObject({
      kind: 'unavailable',
      message: 'the SQLite file /data/usage.sqlite cannot grow: the disk is full',
      hint: expect.stringContaining('space'),
    });
  });

  it('is explained by its own code where the disk has room', () => {
    const explained = (code: string): unknown => storeError(sqliteError(code, 'x'), '/data/x', () => 1);

    expect(explained('SQLITE_IOERR')).toMatchObject({ message: expect.stringContaining('cannot be used') });
    expect(explained('SQLITE_CANTOPEN')).toMatchObject({ kind: 'config' });
  });

  it('is the one that ended the transaction, also where SQLite has rolled back by then', () => {
    const file = openSqliteFile(':memory:');
    const rolledBack = (): void => {
      file.exec('ROLLBACK');
      throw sqliteError('SQLITE_FULL', 'database or disk is full');
    };

    expect(() => file.transaction('IMMEDIATE', rolledBack)).toThrow('the disk is full');
    file.close();
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
