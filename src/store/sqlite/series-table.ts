import type { Measurement } from '../../usage/catalogue.ts';
import { decodeText, encodeText } from '../../usage/tag-encoding.ts';
import type { Tag, Tags } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import type { SqliteFile } from './database.ts';
import { column, columns, placeholders, tableOf } from './tables.ts';

/** Cached series, by identity and by id: at most about 20 MB. */
const REMEMBERED = 20_000;

/** The tag sets of a measurement, cached. For use inside a transaction only. */
export interface SeriesTable {
  /** Drops cached rows that another process may have changed. Call it first in every transaction. */
  refresh(): void;
  /** The row id of a tag set, inserted if missing. */
  id(tags: Tags): number;
  /** Tags by row id. */
  tags(ids: ReadonlySet<number>): ReadonlyMap<number, Tags>;
  forget(): void;
}

export function createSeriesTable(file: SqliteFile, { name, tagNames }: Measurement): SeriesTable {
  const table = tableOf(name).series;
  const insert = `INSERT INTO ${table} (identity, ${columns(tagNames)}) VALUES (?, ${placeholders(tagNames.length)})`;
  const find = `SELECT id FROM ${table} WHERE identity = ?`;
  const load = `SELECT json_array(id, ${columns(tagNames)}) FROM ${table} WHERE id IN (SELECT value FROM json_each(?))`;
  const ids = new Map<string, number>();
  const tagsById = new Map<number, Tags>();
  let seen: unknown;

  function forget(): void {
    ids.clear();
    tagsById.clear();
  }

  return {
    forget,
    refresh: () => {
      const now = file.all('PRAGMA data_version')[0]?.[0];
      if (now !== seen || ids.size > REMEMBERED || tagsById.size > REMEMBERED) forget();
      seen = now;
    },
    id: (tags) => {
      const key = seriesKey(tags);
      const known = ids.get(key);
      if (known !== undefined) return known;
      const texts = encodeTags(tags, tagNames);
      const identity = seriesKey(texts);
      const [stored] = file.all(find, [identity]) as [number][];
      const id = stored
        ? stored[0]
        : file.run(insert, [identity, ...tagNames.map((tag) => texts[tag as Tag] ?? null)]).lastId;
      ids.set(key, id);
      return id;
    },
    tags: (wanted) => {
      const missing = [...wanted].filter((id) => !tagsById.has(id));
      if (missing.length > 0) {
        for (const [text] of file.all(load, [JSON.stringify(missing)]) as [string][]) {
          const [id, ...values] = JSON.parse(text) as [number, ...(string | null)[]];
          tagsById.set(id, decodeTags(tagNames, values));
        }
      }
      return tagsById;
    },
  };
}

/** A condition on series with these tag values; an empty value selects series without the tag. */
export function seriesCondition(
  { name, tagNames }: Measurement,
  where: Tags,
  among?: { readonly tag: Tag; readonly values: readonly string[] },
): { sql: string; values: string[] } {
  const tags = tagNames.filter((tag) => where[tag as Tag] !== undefined);
  const texts = encodeTags(where, tagNames);
  const conditions = tags.map((tag) =>
    texts[tag as Tag] === undefined ? `${column(tag)} IS NULL` : `${column(tag)} = ?`,
  );
  const values = tags.flatMap((tag) => texts[tag as Tag] ?? []);
  if (among) {
    conditions.push(`${column(among.tag)} IN (SELECT value FROM json_each(?))`);
    values.push(JSON.stringify(among.values.map(encodeText)));
  }
  if (conditions.length === 0) return { sql: '', values: [] };
  const { series } = tableOf(name);
  return { sql: `AND series IN (SELECT id FROM ${series} WHERE ${conditions.join(' AND ')})`, values };
}

/** Tags as stored: without empty ones, and encoded where SQLite would truncate (NUL) or replace (lone surrogates). */
function encodeTags(tags: Tags, names: readonly string[]): Tags {
  const stored: Partial<Record<Tag, string>> = {};
  for (const tag of names as readonly Tag[]) {
    const value = tags[tag];
    if (value) stored[tag] = encodeText(value);
  }
  return stored;
}

/** The inverse of `encodeTags` for a row of columns; null is an absent tag. */
export function decodeTags(names: readonly string[], values: readonly (string | null)[]): Tags {
  const tags: Partial<Record<Tag, string>> = {};
  for (let i = 0; i < names.length; i++) {
    const value = values[i];
    if (value) tags[names[i] as Tag] = decodeText(value);
  }
  return tags;
}
