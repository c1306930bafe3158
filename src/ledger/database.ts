import { chmodSync, existsSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'libsql';
import { TokentideError } from '../lib/errors.ts';
import { upgradeFrom, VERSION, versionOf } from './layout.ts';

export interface Statement {
  /** Rows as arrays. */
  raw(): Statement;
  run(...values: unknown[]): { changes: number };
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
}

/** The part of libsql that the ledger uses. Every error of SQLite is a `LedgerError`. */
export interface LedgerDatabase {
  readonly inTransaction: boolean;
  prepare(sql: string): Statement;
  exec(sql: string): void;
  close(): void;
}

export type LedgerErrorKind =
  /** Another process holds the write lock. */
  | 'busy'
  | 'full'
  /** The file or its folder cannot be written. */
  | 'read_only'
  | 'damaged'
  | 'newer_version'
  | 'other';

export class LedgerError extends TokentideError {
  override readonly name = 'LedgerError';
  override readonly hint: string;
  readonly kind: LedgerErrorKind;

  constructor(message: string, hint: string, cause?: unknown, kind: LedgerErrorKind = 'other') {
    super(message, { cause });
    this.hint = hint;
    this.kind = kind;
  }
}

/**
 * How long a write waits for another process to finish its commit, ms. The wait blocks the event loop, so it is short;
 * a poll waits for a longer lock before it starts, and one that meets it later fails and is repeated.
 */
const BUSY_TIMEOUT_MS = 1_000;
const OWNER_ONLY = 0o600;
/** With less free space, SQLite reports a full disk as an I/O error or as a failed rollback. */
const FULL_BYTES = 256 * 1024;

/**
 * Opens the ledger file, or creates it in an existing folder. A commit is on disk when it returns: it survives a kill
 * and a power cut. @throws LedgerError
 */
export function openDatabase(path: string): LedgerDatabase {
  const db = connect(path, path);
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    if (versionOf(db) !== VERSION) upgrade(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Opens the ledger to read it, also when it cannot be written: on a full disk or in a read-only folder.
 * @throws LedgerError
 */
export function openReadableDatabase(path: string): LedgerDatabase {
  try {
    return openDatabase(path);
  } catch (error) {
    if (!(error instanceof LedgerError) || error.kind === 'damaged' || !existsSync(path)) throw error;
    // Without a running writer, mode=ro cannot create its shared memory on a full disk; the file is then complete.
    const found = readOnly(path, 'mode=ro') ?? readOnly(path, 'immutable=1');
    if (found) return found;
    throw error;
  }
}

function readOnly(path: string, mode: string): LedgerDatabase | undefined {
  let db: LedgerDatabase | undefined;
  try {
    db = connect(path, `${pathToFileURL(path).href}?${mode}`);
    if (versionOf(db) === VERSION) return db;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
  }
  db?.close();
  return undefined;
}

function connect(path: string, address: string): LedgerDatabase {
  try {
    if (address === path) restrict(path);
    return explainErrors(new Database(address, { timeout: BUSY_TIMEOUT_MS }), path);
  } catch (error) {
    const full = isFull(path);
    throw new LedgerError(
      `cannot open the ledger ${path}: ${full ? 'the disk is full' : (error as Error).message}`,
      full
        ? FREE_SPACE
        : 'Make the data folder writable for this user, or name another one with TOKENTIDE_DATA.',
      error,
      full ? 'full' : 'read_only',
    );
  }
}

/** The ledger holds e-mail addresses. SQLite gives its -wal and -shm files the same mode. */
function restrict(path: string): void {
  if (path === ':memory:') return;
  if (existsSync(path)) chmodSync(path, OWNER_ONLY);
  else writeFileSync(path, '', { mode: OWNER_ONLY, flag: 'a' });
}

function upgrade(db: LedgerDatabase, path: string): void {
  transaction(db, () => {
    // Another process may have upgraded the file meanwhile.
    const version = versionOf(db);
    if (version > VERSION) {
      throw new LedgerError(
        `the ledger ${path} was written by a newer tokentide (layout ${version}; this version supports up to ${VERSION})`,
        'Run the newer version, or use another data folder.',
        undefined,
        'newer_version',
      );
    }
    if (version < VERSION) upgradeFrom(db, version);
  });
}

/** Runs `work` without waiting for a lock. @throws LedgerError `busy`, and whatever `work` throws */
export function withoutWaiting(db: LedgerDatabase, work: () => void): void {
  db.exec('PRAGMA busy_timeout = 0');
  try {
    work();
  } finally {
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
}

/** Runs `change` as one transaction. @throws LedgerError, and whatever `change` throws */
export function transaction<T>(db: Pick<LedgerDatabase, 'inTransaction' | 'exec'>, change: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = change();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite rolls back on its own when the disk is full.
    if (db.inTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** Runs `change` in the transaction that is under way, or else in one of its own. */
export function joinTransaction<T>(db: Pick<LedgerDatabase, 'inTransaction' | 'exec'>, change: () => T): T {
  return db.inTransaction ? change() : transaction(db, change);
}

function explainErrors(db: Database.Database, path: string): LedgerDatabase {
  const explain =
    <Values extends unknown[], Result>(call: (...values: Values) => Result) =>
    (...values: Values): Result => {
      try {
        return call(...values);
      } catch (error) {
        throw ledgerError(error, path);
      }
    };
  /**
   * A write without a transaction gets one of its own: libsql never resets a statement that met a lock, and SQLite
   * commits nothing while a statement is in progress.
   */
  const inTransaction =
    <Values extends unknown[], Result>(call: (...values: Values) => Result) =>
    (...values: Values): Result =>
      joinTransaction(db, () => call(...values));
  const explained = (statement: Database.Statement, isWrite: boolean): Statement => {
    const wrap = <Result>(call: (...values: unknown[]) => Result): ((...values: unknown[]) => Result) =>
      explain(isWrite ? inTransaction(call) : call);
    return {
      raw: () => explained(statement.raw(), isWrite),
      run: wrap((...values) => statement.run(...values)),
      get: wrap((...values) => statement.get(...values)),
      all: wrap((...values) => statement.all(...values)),
    };
  };
  return {
    get inTransaction() {
      return db.inTransaction;
    },
    prepare: explain((sql) => explained(db.prepare(sql), /^\s*(INSERT|UPDATE|DELETE)\b/.test(sql))),
    exec: explain((sql: string) => void db.exec(sql)),
    close: () => void db.close(),
  };
}

const FREE_SPACE = 'Free some space; nothing is lost, and the next poll continues.';

/** What SQLite's primary result code means and what to do: https://www.sqlite.org/rescode.html */
const EXPLANATIONS: Readonly<Record<string, readonly [LedgerErrorKind, string, string]>> = {
  BUSY: [
    'busy',
    'is locked by another process',
    'Run it again; if it persists, find the process that holds the lock.',
  ],
  FULL: ['full', 'cannot grow: the disk is full', FREE_SPACE],
  READONLY: ['read_only', 'cannot be written', 'Make the file and its folder writable for this user.'],
  CANTOPEN: ['read_only', 'cannot be opened', 'Make the file and its folder writable for this user.'],
  IOERR: ['other', 'cannot be read or written', 'Check the disk and the system log.'],
};
const DAMAGED = [
  'damaged',
  'cannot be used',
  'If it is damaged, move it away: everything since `start` is read again, and nothing is counted twice.',
] as const;

/** Explains an error of SQLite; any other error is returned unchanged. */
export function ledgerError(error: unknown, path: string, full: () => boolean = () => isFull(path)): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const code = /^SQLITE_([A-Z]+)/.exec(error.code)?.[1] ?? '';
  const found = code === 'IOERR' && full() ? EXPLANATIONS['FULL'] : EXPLANATIONS[code];
  const [kind, what, hint] = found ?? DAMAGED;
  // SQLite's own words for the rest repeat the explanation, or contradict it: "disk I/O error" on a full disk.
  const detail = kind === 'other' || kind === 'damaged' ? `: ${error.message}` : '';
  return new LedgerError(`the ledger ${path} ${what}${detail}`, hint, error, kind);
}

function isFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return path !== ':memory:' && bavail * bsize < FULL_BYTES;
  } catch {
    return false;
  }
}
