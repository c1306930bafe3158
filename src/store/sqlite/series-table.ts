import { decodeText, encodeText } from '../../usage/tag-encoding.ts';
import { TAGS, type Tag, type Tags } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import type { SqliteFile } from './database.ts';

/** Cached series, by identity and by id: at most about 20 MB. */
const REMEMBERED = 20_000;

const INSERT = `INSERT INTO series (identity, ${TAGS.join(', ')}) VALUES (?, ${TAGS.map(() => '?').join(', ')})`;
const LOAD = `SELECT json_array(id, ${TAGS.join(', ')}) FROM series WHERE id IN (SELECT value FROM json_each(?))`;

/** The table of tag sets, cached. For use inside a transaction only. */
export interface SeriesTable {
  /** Drops cached rows that another process may have changed. Call it first in every transaction. */
  refresh(): void;
  /** The row id of a tag set, inserted if missing. */
  id(tags: Tags): number;
  /** Tags by row id. */
  tags(ids: ReadonlySet<number>): ReadonlyMap<number, Tags>;
  forget(): void;
}

export function createSeriesTable(file: SqliteFile): SeriesTable {
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
      const texts = encodeTags(tags);
      const identity = seriesKey(texts);
      const [stored] = file.all('SELECT id FROM series WHERE identity = ?', [identity]) as [number][];
      const id = stored
        ? stored[0]
        : file.run(INSERT, [identity, ...TAGS.map((tag) => texts[tag] ?? null)]).lastId;
      ids.set(key, id);
      return id;
    },
    tags: (wanted) => {
      const missing = [...wanted].filter((id) => !tagsById.has(id));
      if (missing.length > 0) {
        for (const [text] of file.all(LOAD, [JSON.stringify(missing)]) as [string][]) {
          const [id, ...values] = JSON.parse(text) as [number, ...(string | null)[]];
          tagsById.set(id, decodeTags(TAGS, values));
        }
      }
      return tagsById;
    },
  };
}

/** Tags as stored: without empty ones, and encoded where SQLite would truncate (NUL) or replace (lone surrogates). */
export function encodeTags(tags: Tags): Tags {
  const stored: Partial<Record<Tag, string>> = {};
  for (const tag of TAGS) {
    const value = tags[tag];
    if (value) stored[tag] = encodeText(value);
  }
  return stored;
}

/** The inverse of `encodeTags` for a row of columns; null is an absent tag. */
export function decodeTags(names: readonly Tag[], values: readonly (string | null)[]): Tags {
  const tags: Partial<Record<Tag, string>> = {};
  for (let i = 0; i < names.length; i++) {
    const value = values[i];
    if (value) tags[names[i]!] = decodeText(value);
  }
  return tags;
}
