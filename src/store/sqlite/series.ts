import { decodeText, encodeText } from '../../usage/tag-encoding.ts';
import { TAGS, type Tag, type Tags } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import type { SqliteFile } from './database.ts';

/** Series kept in memory, for identity and for tags each: some 20 MB at most. */
const REMEMBERED = 20_000;

const INSERT = `INSERT INTO series (identity, ${TAGS.join(', ')}) VALUES (?, ${TAGS.map(() => '?').join(', ')})`;
const LOAD = `SELECT json_array(id, ${TAGS.join(', ')}) FROM series WHERE id IN (SELECT value FROM json_each(?))`;

/** The table of tag sets, with those in use remembered. Used inside a transaction only. */
export interface SeriesTable {
  /** Forgets what another process may have changed. To be called first in every transaction. */
  refresh(): void;
  /** The row of this tag set, made if need be. */
  id(tags: Tags): number;
  /** The tags of each row. */
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

/** Tags as they are stored: without empty ones, and with codes for what SQLite would cut or garble (NUL, half emoji). */
export function encodeTags(tags: Tags): Tags {
  const stored: Partial<Record<Tag, string>> = {};
  for (const tag of TAGS) {
    const value = tags[tag];
    if (value) stored[tag] = encodeText(value);
  }
  return stored;
}

/** Tags of stored texts, under their names; null is an absent tag. */
export function decodeTags(names: readonly Tag[], values: readonly (string | null)[]): Tags {
  const tags: Partial<Record<Tag, string>> = {};
  for (let i = 0; i < names.length; i++) {
    const value = values[i];
    if (value) tags[names[i]!] = decodeText(value);
  }
  return tags;
}
