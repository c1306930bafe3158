import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LedgerError, ledgerError, openDatabase, transaction } from '../../src/ledger/database.ts';
import { openLedger, type Ledger } from '../../src/ledger/ledger.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokentide-ledger-errors-'));
  path = join(folder, 'ledger.sqlite');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('an error of the ledger', () => {
  it.each([
    ['SQLITE_BUSY', 'busy', /is locked by another process/],
    ['SQLITE_FULL', 'full', /the disk is full/],
    ['SQLITE_READONLY_DIRECTORY', 'read_only', /cannot be written/],
    ['SQLITE_CORRUPT', 'damaged', /cannot be used/],
  ])('%s is explained, with a hint', (code, kind, message) => {
    const error = ledgerError(new Database.SqliteError('reason', code, 1), path) as LedgerError;

    expect(error).toBeInstanceOf(LedgerError);
    expect([error.kind, error.hint.length > 0]).toEqual([kind, true]);
    expect(error.message).toMatch(message);
    expect(error.message).toContain(path);
  });

  it.each([
    ['SQLITE_BUSY', 'database is locked', 'is locked by another process'],
    ['SQLITE_FULL', 'database or disk is full', 'cannot grow: the disk is full'],
    ['SQLITE_IOERR_WRITE', 'disk I/O error', 'cannot be read or written: disk I/O error'],
    ['SQLITE_NOTADB', 'file is not a database', 'cannot be used: file is not a database'],
  ])('%s is said once', (code, reason, message) => {
    const error = ledgerError(new Database.SqliteError(reason, code, 1), path) as LedgerError;

    expect(error.message).toBe(`the ledger ${path} ${message}`);
  });

  it('reports an I/O error on a full disk as a full disk', () => {
    const error = new Database.SqliteError('disk I/O error', 'SQLITE_IOERR_SHMSIZE', 4874);

    expect(ledgerError(error, path, () => true)).toMatchObject({ kind: 'full' });
    expect(ledgerError(error, path, () => false)).toMatchObject({ kind: 'other' });
  });

  it('in a commit that fills the disk is not reported as a failed rollback', () => {
    const db = openDatabase(path);
    const [pages] = db.prepare('PRAGMA page_count').raw().get() as [number];
    db.exec(`PRAGMA max_page_count = ${pages}`);

    const commit = () =>
      transaction(db, () => db.prepare("INSERT INTO state VALUES ('a', 'b', hex(zeroblob(1000000)))").run());

    expect(commit).toThrow(/the disk is full/);
    expect(db.inTransaction).toBe(false);
    db.close();
  });

  it('names the lock if another process is writing, and the next commit succeeds', () => {
    const [mine, other] = [openLedger(path), new Database(path)];
    other.exec('BEGIN IMMEDIATE');

    expect(() => mine.commit(() => mine.counters.add('a', 'n', 1))).toThrow(/locked by another process/);

    other.exec('ROLLBACK');
    mine.commit(() => mine.counters.add('a', 'n', 1));
    expect(mine.counters.of('a')).toEqual({ n: 1 });
    other.close();
    mine.close();
  });
});

describe('a write without a transaction that meets a lock', () => {
  it.each<[string, (ledger: Ledger) => void]>([
    ['a reserved request', ({ rateLimiter }) => void rateLimiter.acquire('host', 1, 1)],
    ['a pause of a host', ({ rateLimiter }) => rateLimiter.pause('host', 1)],
    ['a state', ({ state }) => state.set('a', 'key', 'value')],
  ])('(%s) does not make later commits fail', (_, write) => {
    const [mine, other] = [openLedger(path), new Database(path)];
    other.exec('BEGIN IMMEDIATE');
    expect(() => write(mine)).toThrow(/locked by another process/);
    other.exec('ROLLBACK');

    mine.commit(() => mine.counters.add('a', 'n', 1));

    expect(mine.counters.of('a')).toEqual({ n: 1 });
    other.close();
    mine.close();
  });
});

describe('a lease', () => {
  it('is taken and released while another process has the ledger locked', () => {
    const [mine, other] = [openLedger(path), new Database(path)];
    other.exec('BEGIN IMMEDIATE');

    expect(mine.leases.take('job x', 'run 1')).toBe(true);
    mine.leases.release('job x', 'run 1');
    other.exec('ROLLBACK');
    mine.commit(() => mine.counters.add('a', 'n', 1));

    expect(mine.leases.take('job x', 'run 1')).toBe(true);
    expect(mine.leases.holder('job x')).toBe('run 1');
    other.close();
    mine.close();
  });
});

describe('a ledger file', () => {
  it('is created for its owner only, and an existing one is restricted', () => {
    const mode = () => statSync(path).mode & 0o777;
    const before = process.umask(0o022);
    try {
      openLedger(path).close();
      expect(mode()).toBe(0o600);
      rmSync(path);
      writeFileSync(path, '', { mode: 0o644 });
      const ledger = openLedger(path);
      expect(mode()).toBe(0o600);
      expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
      ledger.close();
    } finally {
      process.umask(before);
    }
  });

  it('can still be read when nothing can be written', () => {
    const ledger = openLedger(path);
    ledger.state.set('a', 'key', 'value');
    ledger.close();
    const raw = new Database(path);
    raw.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    raw.close();
    for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
    const compiled = new URL('../../build/ledger/ledger.js', import.meta.url);
    const script = join(folder, 'read.mjs');
    writeFileSync(
      script,
      `import { openLedger, openReadableLedger } from '${compiled.href}';
       try { openLedger('${path}'); console.log('opened'); } catch (error) { console.log(error.name); }
       console.log(openReadableLedger('${path}').state.get('a', 'key'));`,
    );

    // Files cannot grow above 0 bytes, as on a full disk.
    const out = execFileSync('bash', [
      '-c',
      `trap '' XFSZ; ulimit -f 0; exec ${process.execPath} ${script} | cat`,
    ]);

    expect(String(out)).toBe('LedgerError\nvalue\n');
  });
});
