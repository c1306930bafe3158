import type { LedgerDatabase } from './database.ts';

/** Increased with every change of the layout. Older files are upgraded, newer ones refused. */
export const VERSION = 3;

/** Since layout 3. */
const INCIDENT = `
  CREATE TABLE incident (
    id TEXT NOT NULL, job TEXT NOT NULL, rule TEXT NOT NULL, severity TEXT NOT NULL, tags TEXT NOT NULL,
    opened INTEGER NOT NULL, last INTEGER NOT NULL, closed INTEGER, reason TEXT,
    value REAL NOT NULL, expected REAL NOT NULL, "limit" REAL NOT NULL, told REAL NOT NULL, text TEXT NOT NULL,
    related TEXT NOT NULL, label TEXT,
    PRIMARY KEY (job, id)
  ) WITHOUT ROWID;
  CREATE INDEX incident_by_id ON incident (id);
`;

/** Since layout 3. */
const NOTIFICATION = `
  CREATE TABLE notification (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL, id TEXT NOT NULL, incident TEXT NOT NULL, message TEXT NOT NULL,
    queued_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, retry_at INTEGER NOT NULL DEFAULT 0,
    ended_at INTEGER, result TEXT,
    UNIQUE (channel, id)
  );
  CREATE INDEX notification_waiting ON notification (channel, sequence) WHERE ended_at IS NULL;
  CREATE INDEX notification_by_incident ON notification (incident);
`;

const TABLES = `
  CREATE TABLE job (
    name TEXT PRIMARY KEY, identity TEXT NOT NULL, clock INTEGER NOT NULL DEFAULT 0, range_end TEXT
  ) WITHOUT ROWID;
  CREATE TABLE checkpoint (
    job TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, read_at INTEGER NOT NULL,
    PRIMARY KEY (job, start)
  ) WITHOUT ROWID;
  CREATE TABLE gap (
    job TEXT NOT NULL, partition TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    since INTEGER NOT NULL, kind TEXT NOT NULL, error TEXT NOT NULL, attempts INTEGER NOT NULL,
    next_try INTEGER NOT NULL, expired INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, partition, start)
  ) WITHOUT ROWID;
  CREATE TABLE partition (
    job TEXT NOT NULL, id TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
    PRIMARY KEY (job, id)
  ) WITHOUT ROWID;
  CREATE TABLE lateness (
    job TEXT NOT NULL, age INTEGER NOT NULL, tokens REAL NOT NULL, PRIMARY KEY (job, age)
  ) WITHOUT ROWID;
  CREATE TABLE counter (
    job TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (job, name)
  ) WITHOUT ROWID;
  CREATE TABLE state (
    job TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (job, key)
  ) WITHOUT ROWID;
  CREATE TABLE allowed_value (
    job TEXT NOT NULL, tag TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (job, tag, value)
  ) WITHOUT ROWID;
  CREATE TABLE spool (
    job TEXT NOT NULL, time INTEGER NOT NULL, series TEXT NOT NULL, end INTEGER NOT NULL, line TEXT NOT NULL,
    PRIMARY KEY (job, time, series)
  ) WITHOUT ROWID;
  CREATE INDEX spool_by_time ON spool (time);
  CREATE TABLE last_answer (
    job TEXT NOT NULL, time INTEGER NOT NULL, series TEXT NOT NULL, fields TEXT NOT NULL,
    PRIMARY KEY (job, time, series)
  ) WITHOUT ROWID;
  CREATE TABLE overflow_part (
    job TEXT NOT NULL, time INTEGER NOT NULL, series TEXT NOT NULL, folded TEXT NOT NULL, fields TEXT NOT NULL,
    PRIMARY KEY (job, time, series)
  ) WITHOUT ROWID;
  CREATE TABLE rate_limit (host TEXT PRIMARY KEY, next_at REAL NOT NULL) WITHOUT ROWID;
  CREATE TABLE lease (name TEXT PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE reconciliation (
    job TEXT NOT NULL, at INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    provider TEXT NOT NULL, stored TEXT NOT NULL, differences INTEGER NOT NULL,
    PRIMARY KEY (job, at, start)
  ) WITHOUT ROWID;
  ${INCIDENT}
  ${NOTIFICATION}
`;

/** Layout 1 had the same tables under other names. */
const FROM_1 = `
  ALTER TABLE read RENAME TO checkpoint;
  ALTER TABLE memory RENAME TO state;
  ALTER TABLE admitted RENAME TO allowed_value;
  ALTER TABLE known RENAME TO last_answer;
  ALTER TABLE share RENAME TO overflow_part;
  ALTER TABLE slot RENAME TO rate_limit;
  ALTER TABLE gap RENAME COLUMN lost TO expired;
  UPDATE counter SET name = 'mismatches' WHERE name = 'disagreements';
  UPDATE gap SET kind = 'invalid_response' WHERE kind = 'bad_answer';
  UPDATE gap SET kind = 'window_too_large' WHERE kind = 'too_slow';
`;

/** Creates the tables, or upgrades those of an older layout. Call it inside a transaction. */
export function upgradeFrom(db: LedgerDatabase, version: number): void {
  if (version === 0) db.exec(TABLES);
  if (version === 1) db.exec(FROM_1);
  if (version === 1 || version === 2) db.exec(INCIDENT + NOTIFICATION);
  db.exec(`PRAGMA user_version = ${VERSION}`);
}

/** The tables whose rows belong to jobs. */
export function jobTables(db: LedgerDatabase): { table: string; column: string }[] {
  const rows = db
    .prepare(
      `SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
       WHERE tables.type = 'table' AND (columns.name = 'job' OR (tables.name = 'job' AND columns.name = 'name'))`,
    )
    .raw()
    .all() as [string, string][];
  return rows.map(([table, column]) => ({ table, column }));
}

export function versionOf(db: LedgerDatabase): number {
  const [version] = db.prepare('PRAGMA user_version').raw().get() as [number];
  return version;
}
