import { resolve } from 'node:path';
import { CATALOGUE, measurementNamed, type Catalogue, type Measurement } from '../usage/catalogue.ts';
import { MAX_COUNT, type Count } from '../usage/count.ts';
import { parseJson } from '../usage/json.ts';
import { restOf } from '../usage/line-protocol.ts';
import { MEASUREMENT, type Field, type Point } from '../usage/point.ts';
import { noteChanges, storeId } from './sqlite/changes.ts';
import { openSqliteFile, type SqliteFile, type Value } from './sqlite/database.ts';
import { createSeriesReader, type SeriesReader } from './sqlite/series-reader.ts';
import { createSeriesTable, decodeTags, seriesCondition, type SeriesTable } from './sqlite/series-table.ts';
import { startSeriesWorker } from './sqlite/worker-reader.ts';
import { column, columns, namedFields, placeholders, prepareTables, tableOf } from './sqlite/tables.ts';
import { type Rejection, type Store, StoreError, type SumQuery } from './store.ts';
import { HOUR } from '../windows/units.ts';

/** Rows per INSERT statement; larger statements are not faster. */
const ROWS = 25;

/** A measurement with its cached tag sets. */
interface Table {
  readonly measurement: Measurement;
  readonly series: SeriesTable;
}

/**
 * The embedded store: one SQLite file, or `:memory:`. A write is one transaction, on the disk when it
 * resolves. A later write of a point replaces the fields it has and keeps the others, as in InfluxDB.
 * Sums are exact; one above 2^63-1 is an error. @throws StoreError
 */
export function openSqliteStore(path: string, catalogue: Catalogue = CATALOGUE): Store {
  const { file, id } = openFile(path, catalogue);
  const tables = new Map<string, Table>();
  for (const [name, measurement] of catalogue) {
    tables.set(name, { measurement, series: createSeriesTable(file, measurement) });
  }
  let reader: SeriesReader | undefined;

  function tableNamed(name: string = MEASUREMENT): Table {
    measurementNamed(catalogue, name);
    return tables.get(name)!;
  }

  function transaction<T>(mode: 'IMMEDIATE' | 'DEFERRED', work: () => T): T {
    try {
      return file.transaction(mode, () => {
        for (const { series } of tables.values()) series.refresh();
        return work();
      });
    } catch (error) {
      // The transaction's new series are rolled back as well.
      for (const { series } of tables.values()) series.forget();
      throw error;
    }
  }

  function upsert(name: string, points: readonly Point[]): void {
    const { measurement, series } = tableNamed(name);
    for (let i = 0; i < points.length; i += ROWS) {
      const values: Value[] = [];
      const rows = points.slice(i, i + ROWS);
      for (const { time, tags, fields } of rows) {
        values.push(time, series.id(tags));
        for (const field of measurement.fieldNames) values.push(fields[field as Field] ?? null);
      }
      file.run(upsertSql(measurement, rows.length), values);
    }
    noteChanges(file, name, new Set(points.map(({ time }) => Math.floor(time / HOUR))));
  }

  return {
    description: path === ':memory:' ? 'SQLite in memory' : `SQLite file ${path}`,
    identity: `sqlite:${id}`,
    formerIdentities: [path === ':memory:' ? 'sqlite' : `sqlite:${resolve(path)}`],
    overwrites: true,

    // A local transaction takes milliseconds, so the signal is not used.
    write: async (points) => {
      const rejected: Rejection[] = [];
      const good: Point[] = [];
      for (const point of points) {
        const reason = faultOf(point, catalogue);
        if (reason) rejected.push({ point, reason });
        else good.push(point);
      }
      try {
        if (good.length > 0) {
          transaction('IMMEDIATE', () => byMeasurement(good).forEach((some, name) => upsert(name, some)));
        }
        return { accepted: good.length, rejected, kept: [] };
      } catch (error) {
        if (!(error instanceof StoreError) || error.kind === 'config') throw error;
        return { accepted: 0, rejected, kept: good, error };
      }
    },

    sums: async (query) => {
      const { measurement } = tableNamed(query.measurement);
      const { start, end, where = {}, by } = query;
      const condition = seriesCondition(measurement, where);
      const sql = sumsSql(measurement, by, condition.sql);
      const rows = transaction('DEFERRED', () => file.all(sql, [start, end, ...condition.values]));
      return (rows as [string, string][]).map(([tags, sums]) => ({
        tags: decodeTags(by, JSON.parse(tags) as (string | null)[]),
        fields: namedFields(measurement, parseJson(sums) as (Count | null)[], 0),
      }));
    },

    series: (query) => {
      measurementNamed(catalogue, query.measurement ?? MEASUREMENT);
      reader ??=
        path === ':memory:' ? createSeriesReader(file, catalogue) : startSeriesWorker(path, catalogue);
      return reader.read(query);
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

    points: async (query) => {
      const { measurement, series } = tableNamed(query.measurement);
      const { start, end, where = {}, among } = query;
      const condition = seriesCondition(measurement, where, among);
      const sql = `SELECT time, json_group_array(json_array(series, ${columns(measurement.fieldNames)}))
        FROM ${tableOf(measurement.name).points} WHERE time >= ? AND time < ? ${condition.sql} GROUP BY time`;
      return transaction('DEFERRED', () => {
        const found = file.all(sql, [start, end, ...condition.values]) as [number, string][];
        const buckets = found.map(([time, text]) => ({ time, rows: parseJson(text) as Row[] }));
        const tags = series.tags(new Set(buckets.flatMap(({ rows }) => rows.map(([id]) => id))));
        return buckets.flatMap(({ time, rows }) =>
          rows.map((row) => ({
            ...(measurement.name !== MEASUREMENT && { measurement: measurement.name }),
            time,
            tags: tags.get(row[0])!,
            fields: namedFields(measurement, row, 1),
          })),
        );
      });
    },

    remove: async (query) => {
      const { measurement, series } = tableNamed(query.measurement);
      const { start, end, where } = query;
      const condition = seriesCondition(measurement, where);
      const table = tableOf(measurement.name);
      const selected = `FROM ${table.points} WHERE time >= ? AND time < ? ${condition.sql}`;
      const values = [start, end, ...condition.values];
      transaction('IMMEDIATE', () => {
        const times = file.all(`SELECT DISTINCT time ${selected}`, values) as [number][];
        if (times.length === 0) return;
        file.run(`DELETE ${selected}`, values);
        file.run(`DELETE FROM ${table.series} WHERE id NOT IN (SELECT series FROM ${table.points})`);
        noteChanges(file, measurement.name, new Set(times.map(([time]) => Math.floor(time / HOUR))));
        series.forget();
      });
    },

    close: async () => {
      await reader?.close();
      file.close();
    },
  };
}

function openFile(path: string, catalogue: Catalogue): { readonly file: SqliteFile; readonly id: string } {
  const file = openSqliteFile(path);
  try {
    const id = file.transaction('IMMEDIATE', () => {
      prepareTables(file, catalogue, path);
      return storeId(file);
    });
    return { file, id };
  } catch (error) {
    file.close();
    throw error;
  }
}

function byMeasurement(points: readonly Point[]): Map<string, Point[]> {
  const groups = new Map<string, Point[]>();
  for (const point of points) {
    const { measurement = MEASUREMENT } = point;
    const group = groups.get(measurement);
    if (group) group.push(point);
    else groups.set(measurement, [point]);
  }
  return groups;
}

/** A stored point: series id, then fields. */
type Row = readonly [series: number, ...fields: (Count | null)[]];

function upsertSql({ name, fieldNames }: Measurement, rows: number): string {
  const row = `(${placeholders(fieldNames.length + 2)})`;
  const updates = fieldNames.map(column).map((field) => `${field} = coalesce(excluded.${field}, ${field})`);
  return `INSERT INTO ${tableOf(name).points} (time, series, ${columns(fieldNames)})
    VALUES ${Array(rows).fill(row).join(', ')}
    ON CONFLICT (time, series) DO UPDATE SET ${updates.join(', ')}`;
}

/** Sums by series first, so that few rows are joined with their tags. */
function sumsSql({ name, fieldNames }: Measurement, by: SumQuery['by'], condition: string): string {
  const { points, series } = tableOf(name);
  const fields = fieldNames.map(column);
  return `SELECT json_array(${columns(by)}), json_array(${fields.map((field) => `sum(${field})`).join(', ')})
    FROM (
      SELECT series, ${fields.map((field) => `sum(${field}) AS ${field}`).join(', ')}
      FROM ${points} WHERE time >= ? AND time < ? ${condition} GROUP BY series
    ) JOIN ${series} ON id = series
    ${by.length > 0 ? `GROUP BY ${columns(by)}` : 'HAVING count(*) > 0'}`;
}

/** The reason why a point is invalid; undefined for a valid one. */
function faultOf(point: Point, catalogue: Catalogue): string | undefined {
  try {
    if (!Number.isSafeInteger(point.time)) return `the time is not in whole seconds: ${point.time}`;
    restOf(measurementNamed(catalogue, point.measurement ?? MEASUREMENT), point);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}
