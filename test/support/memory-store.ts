import { StoreError, type Store, type WriteResult } from '../../src/store/store.ts';
import { addFields } from '../../src/usage/aggregate.ts';
import type { Fields, Point, Tag, Tags } from '../../src/usage/point.ts';
import { seriesKey } from '../../src/usage/series.ts';

export interface MemoryStore extends Store {
  /** Every stored point, by time and series. */
  readonly contents: Map<string, Point>;
  /** Points of all writes so far: what "only what changed" is measured by. */
  written: number;
  down: boolean;
  /** Refuses to be overwritten, as InfluxDB 3 does. */
  overwrites: boolean;
}

/** A store in memory that can be switched off. */
export function memoryStore(): MemoryStore {
  const contents = new Map<string, Point>();
  const store: MemoryStore = {
    contents,
    written: 0,
    down: false,
    overwrites: true,
    description: 'memory',
    identity: 'memory',
    write: (points) => Promise.resolve(write(points)),
    sums: ({ start, end, where = {}, by }) => {
      if (store.down) return Promise.reject(new StoreError('unavailable', 'the store is down'));
      const sums = new Map<string, { tags: Tags; fields: Fields }>();
      for (const { time, tags, fields } of contents.values()) {
        const wanted = Object.entries(where).every(([tag, value]) => tags[tag as Tag] === value);
        if (time < start || time >= end || !wanted) continue;
        const group = Object.fromEntries(by.flatMap((tag) => (tags[tag] ? [[tag, tags[tag]]] : [])));
        const before = sums.get(seriesKey(group));
        sums.set(seriesKey(group), {
          tags: group,
          fields: before ? addFields(before.fields, fields) : fields,
        });
      }
      return Promise.resolve([...sums.values()]);
    },
    points: ({ start, end, where = {}, among }) => {
      if (store.down) return Promise.reject(new StoreError('unavailable', 'the store is down'));
      const wanted = ({ time, tags }: Point): boolean =>
        time >= start &&
        time < end &&
        Object.entries(where).every(([tag, value]) => tags[tag as Tag] === value) &&
        (!among || among.values.includes(tags[among.tag] ?? ''));
      return Promise.resolve([...contents.values()].filter(wanted));
    },
    remove: ({ start, end, where }) => {
      for (const [key, { time, tags }] of contents) {
        const wanted = Object.entries(where).every(([tag, value]) => tags[tag as Tag] === value);
        if (time >= start && time < end && wanted) contents.delete(key);
      }
      return Promise.resolve();
    },
    check: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };

  function write(points: readonly Point[]): WriteResult {
    if (store.down) {
      return {
        accepted: 0,
        rejected: [],
        kept: points,
        error: new StoreError('unavailable', 'the store is down'),
      };
    }
    for (const point of points) {
      const key = `${point.time} ${seriesKey(point.tags)}`;
      if (!store.overwrites && contents.has(key)) throw new Error(`${key} was written twice`);
      contents.set(key, { ...point, fields: { ...contents.get(key)?.fields, ...point.fields } });
    }
    store.written += points.length;
    return { accepted: points.length, rejected: [], kept: [] };
  }

  return store;
}
