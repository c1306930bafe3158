import { randomUUID } from 'node:crypto';
import type { Count } from '../../usage/count.ts';
import { MEASUREMENT, type Field, type Fields } from '../../usage/point.ts';
import { RECONCILIATION, type Catalogue, type Measurement } from '../../usage/catalogue.ts';
import { seriesKey } from '../../usage/series.ts';
import { StoreError } from '../store.ts';
import type { SqliteFile } from './database.ts';

/** Layout of the file: older files are upgraded, newer ones refused. */
const VERSION = 2;

/** The application id ("TKPT"): another program's database is never written to. */
const APPLICATION = 0x54_4b_50_54;

export function column(name: string): string {
  return `"${name}"`;
}

export function columns(names: readonly string[]): string {
  return names.map(column).join(', ');
}

export function placeholders(count: number): string {
  return Array(count).fill('?').join(', ');
}

/** The two tables of a measurement: its points under its own name, and the tag sets that they refer to. */
export function tableOf(measurement: string): { readonly points: string; readonly series: string } {
  return { points: column(measurement), series: column(`${measurement}_series`) };
}

/** The fields of a row, from position `first` on; null is an absent field. */
export function namedFields(
  { fieldNames }: Measurement,
  row: readonly (Count | null)[],
  first: number,
): Fields {
  const fields: Partial<Record<Field, Count>> = {};
  for (let i = 0; i < fieldNames.length; i++) {
    const value = row[first + i];
    if (value !== null && value !== undefined) fields[fieldNames[i] as Field] = value;
  }
  return fields;
}

/** Creates or upgrades the tables. Call it inside a transaction. @throws StoreError */
export function prepareTables(file: SqliteFile, catalogue: Catalogue, path: string): void {
  const isNew = one(file, 'SELECT count(*) FROM sqlite_schema') === 0;
  const version = isNew ? VERSION : checkedVersion(file, path);
  if (version === 1) {
    file.exec(
      `ALTER TABLE series RENAME TO ${tableOf(MEASUREMENT).series}; ALTER TABLE points RENAME TO points_1`,
    );
  }
  if (version === 1 || isNew) createStoreTables(file);
  for (const measurement of catalogue.values()) createTables(file, measurement);
  if (version === 1) copyPoints(file, catalogue.get(MEASUREMENT)!);
  if (version === 1 || isNew) {
    file.exec(`PRAGMA application_id = ${APPLICATION}; PRAGMA user_version = ${VERSION}`);
  }
}

function checkedVersion(file: SqliteFile, path: string): number {
  if (one(file, 'PRAGMA application_id') !== APPLICATION) {
    throw new StoreError('config', `${path} is a SQLite file of another program`, {
      hint: 'Name another file for the points.',
    });
  }
  const version = one(file, 'PRAGMA user_version') as number;
  if (version > VERSION) {
    throw new StoreError(
      'config',
      `${path} was written by a newer tokentide (layout ${version}, this one knows ${VERSION})`,
      { hint: 'Run the newer version, or name another file for the points.' },
    );
  }
  return version;
}

/** The file's id; the number of the last change; and which change was the last one of each UTC hour. */
function createStoreTables(file: SqliteFile): void {
  file.exec(`
    CREATE TABLE store (id TEXT NOT NULL, change INTEGER NOT NULL) STRICT;
    CREATE TABLE hour_change (
      measurement TEXT NOT NULL,
      hour INTEGER NOT NULL,
      change INTEGER NOT NULL,
      PRIMARY KEY (measurement, hour)
    ) STRICT, WITHOUT ROWID;
  `);
  file.run('INSERT INTO store VALUES (?, 0)', [randomUUID()]);
}

// Time leads the primary key: the points of a poll are adjacent, and a time range is one scan.
function createTables(file: SqliteFile, measurement: Measurement): void {
  const { points, series } = tableOf(measurement.name);
  const tags = measurement.tagNames.map((tag) => [tag, 'TEXT'] as const);
  const fields = measurement.fieldNames.map(
    (field) => [field, measurement.fields[field]!.kind === 'float' ? 'REAL' : 'INTEGER'] as const,
  );
  const definitions = (all: readonly (readonly [string, string])[]): string =>
    all.map(([name, type]) => `${column(name)} ${type}`).join(', ');
  file.exec(`
    CREATE TABLE IF NOT EXISTS ${series} (
      id INTEGER PRIMARY KEY,
      identity TEXT NOT NULL UNIQUE,
      ${definitions(tags)}
    ) STRICT;
    CREATE TABLE IF NOT EXISTS ${points} (
      time INTEGER NOT NULL,
      series INTEGER NOT NULL,
      ${definitions(fields)},
      PRIMARY KEY (time, series)
    ) STRICT, WITHOUT ROWID;
  `);
  addColumns(file, `${measurement.name}_series`, tags);
  addColumns(file, measurement.name, fields);
}

/** Tags and fields that the file lacks become new, empty columns. */
function addColumns(file: SqliteFile, table: string, wanted: readonly (readonly [string, string])[]): void {
  const present = columnsOf(file, table);
  for (const [name, type] of wanted) {
    if (!present.has(name)) file.exec(`ALTER TABLE ${column(table)} ADD COLUMN ${column(name)} ${type}`);
  }
}

function columnsOf(file: SqliteFile, table: string): Set<unknown> {
  return new Set(file.all('SELECT name FROM pragma_table_info(?)', [table]).map(([name]) => name));
}

/**
 * From layout 1, which held reconciliations among the usage and had no field `tokens`. An input and output that do
 * not add up to an int64 leave `tokens` empty.
 */
function copyPoints(file: SqliteFile, usage: Measurement): void {
  const { points, series } = tableOf(usage.name);
  const present = columnsOf(file, 'points_1');
  if (present.has('reconciled_provider_tokens')) moveReconciliations(file, series);
  const fields = usage.fieldNames.filter((field) => present.has(field));
  file.exec(`
    INSERT INTO ${points} (time, series, tokens, ${columns(fields)})
    SELECT time, series,
      CASE
        WHEN total_tokens IS NOT NULL THEN total_tokens
        WHEN input_tokens IS NULL THEN output_tokens
        WHEN output_tokens IS NULL THEN input_tokens
        WHEN input_tokens <= 9223372036854775807 - output_tokens THEN input_tokens + output_tokens
      END,
      ${columns(fields)}
    FROM points_1 WHERE series NOT IN (SELECT id FROM ${series} WHERE bucket = 'reconcile');
    DROP TABLE points_1;
    DELETE FROM ${series} WHERE bucket = 'reconcile';
  `);
}

function moveReconciliations(file: SqliteFile, oldSeries: string): void {
  const { points, series } = tableOf(RECONCILIATION.name);
  const found = file.all(
    `SELECT DISTINCT id, provider, account FROM ${oldSeries} WHERE bucket = 'reconcile'`,
  ) as [number, string | null, string | null][];
  for (const [old, provider, account] of found) {
    const identity = seriesKey({ ...(provider && { provider }), ...(account && { account }) });
    const { lastId } = file.run(`INSERT INTO ${series} (identity, provider, account) VALUES (?, ?, ?)`, [
      identity,
      provider,
      account,
    ]);
    file.run(
      `INSERT INTO ${points} (time, series, provider_tokens, stored_tokens, difference)
       SELECT time, ?, reconciled_provider_tokens, reconciled_stored_tokens,
         reconciled_stored_tokens - reconciled_provider_tokens
       FROM points_1 WHERE series = ?`,
      [lastId, old],
    );
  }
}

function one(file: SqliteFile, sql: string): unknown {
  return file.all(sql)[0]?.[0];
}
