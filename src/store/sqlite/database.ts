import { closeSync, existsSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import { StoreError } from '../store.ts';
import { storeError } from './errors.ts';
import { makeFolder } from './folder.ts';

export type Value = string | number | bigint | null;

/** An open file of points. Statements are prepared once and cached. */
export interface SqliteFile {
  /**
   * Runs `work` in one transaction, durable when it returns (write-ahead log, one fsync). Other processes can read
   * meanwhile. @throws StoreError
   */
  transaction<T>(mode: 'IMMEDIATE' | 'DEFERRED', work: () => T): T;
  /** The rows of a query. Integers above 2^53 are rounded: select them as JSON text. */
  all(sql: string, values?: readonly Value[]): unknown[][];
  /** The number of changed rows and the last inserted row id. */
  run(sql: string, values?: readonly Value[]): { changes: number; lastId: number };
  /** Several statements without values. */
  exec(sql: string): void;
  close(): void;
}

/** How long a write waits for another process's transaction, ms. It blocks the event loop; unwritten points are kept. */
const BUSY_MS = 1000;

/** Opens or creates a file of points and its folder; or `:memory:`. @throws StoreError */
export function openSqliteFile(
  path: string,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): SqliteFile {
  const database = connect(path, readOnly);
  const statements = new Map<string, Database.Statement>();
  let closed = false;

  function statement(sql: string): Database.Statement {
    const known = statements.get(sql);
    if (known) return known;
    const prepared = database.prepare(sql);
    if (prepared.reader) prepared.raw();
    statements.set(sql, prepared);
    return prepared;
  }

  return {
    transaction: (mode, work) => {
      if (closed) throw new StoreError('config', `the SQLite file ${path} is closed`);
      try {
        return transaction(database, mode, work);
      } catch (error) {
        throw storeError(error, path);
      }
    },
    all: (sql, values = []) => statement(sql).all(values) as unknown[][],
    run: (sql, values = []) => {
      const { changes, lastInsertRowid } = statement(sql).run(values);
      return { changes, lastId: Number(lastInsertRowid) };
    },
    exec: (sql) => void database.exec(sql),
    close: () => {
      if (closed) return;
      closed = true;
      statements.clear();
      database.close();
    },
  };
}

function connect(path: string, readOnly: boolean): Database.Database {
  let database: Database.Database | undefined;
  try {
    if (path !== ':memory:' && !readOnly) createFile(path);
    database = new Database(path);
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    if (readOnly) {
      database.exec('PRAGMA query_only = ON');
    } else {
      database.exec(
        `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216;`,
      );
    }
    return database;
  } catch (error) {
    database?.close();
    throw storeError(error, path);
  }
}

/** Tags may be personal data: the file is readable for this user alone. SQLite gives its log the same mode. */
function createFile(path: string): void {
  makeFolder(dirname(path));
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
}

function transaction<T>(database: Database.Database, mode: string, work: () => T): T {
  database.exec(`BEGIN ${mode}`);
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

/** SQLite rolls back on its own after a full disk; the error of a second rollback would hide the first one. */
function rollBack(database: Database.Database): void {
  try {
    if (database.inTransaction) database.exec('ROLLBACK');
  } catch {
    // The transaction is over either way.
  }
}
