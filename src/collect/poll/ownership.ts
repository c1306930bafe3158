import type { Partition } from '../../providers/provider.ts';
import type { Tag, Tags } from '../../usage/point.ts';

/** The part of a series' tags that says which partition it belongs to: equal for both, equal text. */
export type Owner = (tags: Tags) => string;

/** Owners by the tags that all usage of a partition carries; without such tags all have the same owner. */
export function ownersOf(partitions: readonly Partition[]): Owner {
  const names = Object.keys(partitions[0]?.tags ?? {}) as Tag[];
  // Not `seriesKey`: it would take an object of these tags alone, for every record.
  return (tags) => {
    let owner = '';
    for (const name of names) {
      const value = tags[name] ?? '';
      owner += `${value.length}:${value}`;
    }
    return owner;
  };
}
