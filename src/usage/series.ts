import { TAGS, type Tags } from './point.ts';

/**
 * The identity of a series: its tags in the order of `TAGS`, joined with characters that the store's line
 * protocol never carries inside a value. Same tags, same text; absent and empty tags do not count.
 */
export function seriesKey(tags: Tags): string {
  let key = '';
  for (const tag of TAGS) {
    const value = tags[tag];
    if (value) key += `${tag}\u0001${value}\u0002`;
  }
  return key;
}
