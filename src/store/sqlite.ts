import { resolve } from 'node:path';
import { MAX_COUNT, type Count } from '../usage/count.ts';
import { parseJson } from '../usage/json.ts';
import { FIELDS, type Field, type Fields, type Point, type Tag, TAGS, type Tags } from '../usage/point.ts';
import { openSqliteFile, type Value } from './sqlite/database.ts';
import { createSeriesTable, decodeTags, encodeTags } from './sqlite/series.ts';
import { type PointQuery, type Rejection, type Store, StoreError } from './store.ts';

/** Rows per INSERT statement; larger statements are not faster. */
const ROWS = 25;

/**
 * The embedded store: one SQLite file, or `:memory:`. A write is one transaction, on the disk when it
 * resolves. A later write of a point replaces the fields it has and keeps the others, as in InfluxDB.
 * Sums are exact; one above 2^63-1 is an error. @throws StoreError
 */
export function openSqliteStore(path: string): Store {
  const file = openSqliteFile(path);
  const series = createSeriesTable(file);

  function transaction<T>(mode: 'IMMEDIATE' | 'DEFERRED', work: () => T): T {
    try {
      return file.transaction(mode, () => {
        series.refresh();
        return work();
      });
    } catch (error) {
      // The transaction's new series are rolled back as well.
      series.forget();
      throw error;
    }
  }

  function upsert(points: readonly Point[]): void {
    for (let i = 0; i < points.length; i += ROWS) {
      const values: Value[] = [];
      const rows = points.slice(i, i + ROWS);
      for (const { time, tags, fields } of rows) {
        values.push(time, series.id(tags));
        for (const field of FIELDS) values.push(fields[field] ?? null);
      }
      file.run(upsertSql(rows.length), values);
    }
  }

  return {
    description: path === ':memory:' ? 'SQLite in memory' : `SQLite file ${path}`,
    identity: path === ':memory:' ? 'sqlite' : `sqlite:${resolve(path)}`,
    overwrites: true,

    // A local transaction takes milliseconds, so the signal is not used.
    write: async (points) => {
      const rejected: Rejection[] = [];
      const good: Point[] = [];
      for (const point of points) {
        const reason = fault(point);
        if (reason) rejected.push({ point, reason });
        else good.push(point);
      }
      try {
        if (good.length > 0) transaction('IMMEDIATE', () => upsert(good));
        return { accepted: good.length, rejected, kept: [] };
      } catch (error) {
        if (!(error instanceof StoreError) || error.kind === 'config') throw error;
        return { accepted: 0, rejected, kept: good, error };
      }
    },

    sums: async ({ start, end, where = {}, by }) => {
      const filter = seriesFilter(where);
      const sql = sumsSql(by, filter.sql);
      const rows = transaction('DEFERRED', () => file.all(sql, [start, end, ...filter.values]));
      return (rows as [string, string][]).map(([tags, sums]) => ({
        tags: decodeTags(by, JSON.parse(tags) as (string | null)[]),
        fields: namedFields(parseJson(sums) as (Count | null)[], 0),
      }));
    },

    check: async () => {
      transaction('IMMEDIATE', () => {
        file.run('CREATE TABLE scratch (value INTEGER) STRICT');
        file.run('INSERT INTO scratch VALUES (?)', [MAX_COUNT]);
        const [row] = file.all('SELECT json_array(value) FROM scratch');
        if (row?.[0] !== `[${MAX_COUNT}]`) {
          throw new StoreError('config', `${path} did not return the value written`);
        }
        file.run('DROP TABLE scratch');
      });
      const mode = file.all('PRAGMA journal_mode')[0]?.[0];
      if (mode === 'wal' || mode === 'memory') return [];
      return ['The file system does not support a write-ahead log: readers of the file block the collector.'];
    },

    points: async ({ start, end, where = {}, among }) => {
      const filter = seriesFilter(where, among);
      const sql = `SELECT time, json_group_array(json_array(series, ${FIELDS.join(', ')}))
        FROM points WHERE time >= ? AND time < ? ${filter.sql} GROUP BY time`;
      return transaction('DEFERRED', () => {
        const found = file.all(sql, [start, end, ...filter.values]) as [number, string][];
        const buckets = found.map(([time, text]) => ({ time, rows: parseJson(text) as Row[] }));
        const tags = series.tags(new Set(buckets.flatMap(({ rows }) => rows.map(([id]) => id))));
        return buckets.flatMap(({ time, rows }) =>
          rows.map((row) => ({ time, tags: tags.get(row[0])!, fields: namedFields(row, 1) })),
        );
      });
    },

    remove: async ({ start, end, where }) => {
      const filter = seriesFilter(where);
      transaction('IMMEDIATE', () => {
        const sql = `DELETE FROM points WHERE time >= ? AND time < ? ${filter.sql}`;
        if (file.run(sql, [start, end, ...filter.values]).changes === 0) return;
        file.run('DELETE FROM series WHERE id NOT IN (SELECT series FROM points)');
        series.forget();
      });
    },

    close: async () => file.close(),
  };
}

/** A stored point: series id, then fields. */
type Row = readonly [series: number, ...fields: (Count | null)[]];

function upsertSql(rows: number): string {
  const row = `(?, ?, ${FIELDS.map(() => '?').join(', ')})`;
  return `INSERT INTO points (time, series, ${FIELDS.join(', ')}) VALUES ${Array(rows).fill(row).join(', ')}
    ON CONFLICT (time, series) DO UPDATE
    SET ${FIELDS.map((field) => `${field} = coalesce(excluded.${field}, ${field})`).join(', ')}`;
}

/** Sums by series first, so that few rows are joined with their tags. */
function sumsSql(by: readonly Tag[], filter: string): string {
  return `SELECT json_array(${by.join(', ')}), json_array(${FIELDS.map((field) => `sum(${field})`).join(', ')})
    FROM (
      SELECT series, ${FIELDS.map((field) => `sum(${field}) AS ${field}`).join(', ')}
      FROM points WHERE time >= ? AND time < ? ${filter} GROUP BY series
    ) JOIN series ON id = series
    ${by.length > 0 ? `GROUP BY ${by.join(', ')}` : 'HAVING count(*) > 0'}`;
}

/** Only series with these tag values; an empty value means series without the tag. */
function seriesFilter(where: Tags, among?: PointQuery['among']): { sql: string; values: string[] } {
  const tags = TAGS.filter((tag) => where[tag] !== undefined);
  const texts = encodeTags(where);
  const conditions = tags.map((tag) => (texts[tag] === undefined ? `${tag} IS NULL` : `${tag} = ?`));
  const values = tags.flatMap((tag) => texts[tag] ?? []);
  if (among) {
    conditions.push(`${among.tag} IN (${among.values.map(() => '?').join(', ')})`);
    values.push(...among.values.map((value) => encodeTags({ [among.tag]: value })[among.tag] ?? ''));
  }
  if (conditions.length === 0) return { sql: '', values: [] };
  return { sql: `AND series IN (SELECT id FROM series WHERE ${conditions.join(' AND ')})`, values };
}

/** The fields of a row, from position `first` on; null is an absent field. */
function namedFields(row: readonly (Count | null)[], first: number): Fields {
  const fields: Partial<Record<Field, Count>> = {};
  for (let i = 0; i < FIELDS.length; i++) {
    const value = row[first + i];
    if (value !== null && value !== undefined) fields[FIELDS[i]!] = value;
  }
  return fields;
}

/** The reason why a point is invalid; undefined for a valid one. */
function fault({ time, fields }: Point): string | undefined {
  if (!Number.isSafeInteger(time)) return `the time is not in whole seconds: ${time}`;
  let count = 0;
  for (const field of FIELDS) {
    const value = fields[field];
    if (value === undefined) continue;
    const exact = typeof value === 'bigint' ? value <= MAX_COUNT : Number.isSafeInteger(value);
    if (!exact || value < 0) return `${field} is not a count up to 2^63-1: ${value}`;
    count++;
  }
  return count === 0 ? 'the point has no field' : undefined;
}
