import type { Partition } from '../../providers/provider.ts';
import type { Tag, Tags } from '../../usage/point.ts';

/** The part of a series' tags that distinguishes partitions, as text: series of one partition have the same owner. */
export type Owner = (tags: Tags) => string;

/** Owners by the tags that all usage of a partition carries. Without such tags all series have the same owner. */
export function ownersOf(partitions: readonly Partition[]): Owner {
  const names = Object.keys(partitions[0]?.tags ?? {}) as Tag[];
  // `seriesKey` would need an object with only these tags for every record.
  return (tags) => {
    let owner = '';
    for (const name of names) {
      const value = tags[name] ?? '';
      owner += `${value.length}:${value}`;
    }
    return owner;
  };
}
