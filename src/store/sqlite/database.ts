import { dirname } from 'node:path';
import Database from 'libsql';
import { FIELDS, TAGS } from '../../usage/point.ts';
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
  close(): void;
}

/** Schema version: older files are upgraded, newer ones refused. */
const VERSION = 1;

/** The application id ("TKPT"): another program's database is never written to. */
const APPLICATION = 0x54_4b_50_54;

/** How long a write waits for another process's transaction. */
const BUSY_MS = 5000;

// Time leads the primary key: the points of a poll are adjacent, and a time range is one scan.
const TABLES = `
  CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE,
    ${TAGS.map((tag) => `${tag} TEXT`).join(', ')}
  ) STRICT;
  CREATE TABLE points (
    time INTEGER NOT NULL,
    series INTEGER NOT NULL,
    ${FIELDS.map((field) => `${field} INTEGER`).join(', ')},
    PRIMARY KEY (time, series)
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION};
  PRAGMA user_version = ${VERSION};
`;

/** Opens or creates a file of points and its folder; or `:memory:`. @throws StoreError */
export function openSqliteFile(path: string): SqliteFile {
  const database = connect(path);
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

  const file: SqliteFile = {
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
    close: () => {
      if (closed) return;
      closed = true;
      statements.clear();
      database.close();
    },
  };

  try {
    file.transaction('IMMEDIATE', () => upgrade(file, database, path));
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

function connect(path: string): Database.Database {
  let database: Database.Database | undefined;
  try {
    if (path !== ':memory:') makeFolder(dirname(path));
    database = new Database(path);
    database.exec(
      `PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
       PRAGMA journal_size_limit = 16777216;`,
    );
    return database;
  } catch (error) {
    database?.close();
    throw storeError(error, path);
  }
}

function transaction<T>(database: Database.Database, mode: string, work: () => T): T {
  database.exec(`BEGIN ${mode}`);
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite rolls back on its own after a full disk, for example.
    if (database.inTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function upgrade(file: SqliteFile, database: Database.Database, path: string): void {
  const one = (sql: string): unknown => file.all(sql)[0]?.[0];
  if (one('SELECT count(*) FROM sqlite_schema') === 0) return void database.exec(TABLES);
  if (one('PRAGMA application_id') !== APPLICATION) {
    throw new StoreError('config', `${path} is a SQLite file of another program`, {
      hint: 'Name another file for the points.',
    });
  }
  const version = one('PRAGMA user_version') as number;
  if (version > VERSION) {
    throw new StoreError(
      'config',
      `${path} was written by a newer tokentide (layout ${version}, this one knows ${VERSION})`,
      { hint: 'Run the newer version, or name another file for the points.' },
    );
  }
  addColumns(file, database, 'series', TAGS, 'TEXT');
  addColumns(file, database, 'points', FIELDS, 'INTEGER');
}

/** Tags and fields that the file lacks become new, empty columns. */
function addColumns(
  file: SqliteFile,
  database: Database.Database,
  table: string,
  names: readonly string[],
  type: string,
): void {
  const present = new Set(file.all(`SELECT name FROM pragma_table_info('${table}')`).map(([name]) => name));
  for (const name of names) {
    if (!present.has(name)) database.exec(`ALTER TABLE ${table} ADD COLUMN ${name} ${type}`);
  }
}
