import type { Tag, Tags } from './point.ts';

const NAME_END = '\u0001';
const VALUE_END = '\u0002';

/** Tags are immutable, and records of a series usually share one object. */
const keys = new WeakMap<Tags, string>();

/** The identity of a series: its tags, sorted by name, as one text. Absent and empty tags are equal. */
export function seriesKey(tags: Tags): string {
  let key = keys.get(tags);
  if (key === undefined) {
    key = textOf(tags);
    keys.set(tags, key);
  }
  return key;
}

function textOf(tags: Tags): string {
  let key = '';
  for (const tag of Object.keys(tags).toSorted() as Tag[]) {
    const value = tags[tag];
    if (value) key += tag + NAME_END + escape(value) + VALUE_END;
  }
  return key;
}

/** The inverse of `seriesKey`. */
export function tagsOfSeries(key: string): Tags {
  const tags: Partial<Record<Tag, string>> = {};
  for (const pair of key.split(VALUE_END)) {
    const end = pair.indexOf(NAME_END);
    if (end > 0) tags[pair.slice(0, end) as Tag] = unescape(pair.slice(end + 1));
  }
  return tags;
}

// A value may hold any character, including the separators. NUL would end a text in SQLite.
const ESCAPE = '\u0003';
const SPECIAL = /[\u0000-\u0003]/;
const SPECIALS = /[\u0000-\u0003]/g;

function escape(value: string): string {
  return SPECIAL.test(value) ? value.replace(SPECIALS, (c) => `${ESCAPE}${c.charCodeAt(0)}`) : value;
}

function unescape(value: string): string {
  return value.includes(ESCAPE)
    ? value.replace(/\u0003([0-3])/g, (_, code: string) => String.fromCharCode(Number(code)))
    : value;
}
