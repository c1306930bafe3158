import type { SqliteFile } from './database.ts';
import { HOUR } from '../../windows/units.ts';

/** Identifies the file wherever it is moved. */
export function storeId(file: SqliteFile): string {
  return (file.all('SELECT id FROM store') as [string][])[0]![0];
}

/** Notes in the same transaction which UTC hours a write has changed, so that readers know which sums are stale. */
export function noteChanges(file: SqliteFile, measurement: string, hours: ReadonlySet<number>): void {
  file.run('UPDATE store SET change = change + 1');
  file.run(
    `INSERT OR REPLACE INTO hour_change (measurement, hour, change)
     SELECT ?, value, change FROM json_each(?), store`,
    [measurement, JSON.stringify([...hours])],
  );
}

/** The last change of each UTC hour of `[start, end)`. */
export function changesOf(
  file: SqliteFile,
  measurement: string,
  { start, end }: { readonly start: number; readonly end: number },
): ReadonlyMap<number, number> {
  const rows = file.all(
    'SELECT hour, change FROM hour_change WHERE measurement = ? AND hour >= ? AND hour < ?',
    [measurement, Math.floor(start / HOUR), Math.ceil(end / HOUR)],
  );
  return new Map(rows as [number, number][]);
}
