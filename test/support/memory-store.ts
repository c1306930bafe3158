import { seriesOfPoints } from '../../src/store/series.ts';
import {
  StoreError,
  type Rejection,
  type Store,
  type SumQuery,
  type WriteResult,
} from '../../src/store/store.ts';
import { addFields } from '../../src/usage/aggregate.ts';
import { MEASUREMENT, type Fields, type Point, type Tag, type Tags } from '../../src/usage/point.ts';
import { toLine } from '../../src/usage/line-protocol.ts';
import { seriesKey } from '../../src/usage/series.ts';

export interface MemoryStore extends Store {
  /** Every stored usage point, by time and series. */
  readonly contents: Map<string, Point>;
  /** Every stored point of other measurements, by measurement, time and series. */
  readonly others: Map<string, Point>;
  /** Usage points of all writes so far: what "only what changed" is measured by. */
  written: number;
  down: boolean;
  /** Refuses to be overwritten, as InfluxDB 3 does. */
  overwrites: boolean;
}

/** A store in memory that can be switched off. */
export function memoryStore(): MemoryStore {
  const contents = new Map<string, Point>();
  const others = new Map<string, Point>();
  const store: MemoryStore = {
    contents,
    others,
    written: 0,
    down: false,
    overwrites: true,
    description: 'memory',
    identity: 'memory',
    write: (points) => Promise.resolve(write(points)),
    sums: async (query) => {
      const sums = new Map<string, { tags: Tags; fields: Fields }>();
      for (const { tags, fields } of selected(query)) {
        const group = Object.fromEntries(query.by.flatMap((tag) => (tags[tag] ? [[tag, tags[tag]]] : [])));
        const before = sums.get(seriesKey(group));
        sums.set(seriesKey(group), {
          tags: group,
          fields: before ? addFields(before.fields, fields) : fields,
        });
      }
      return [...sums.values()];
    },
    series: async (query) => seriesOfPoints(query, selected(query)),
    points: async ({ among, ...query }) =>
      selected(query).filter(({ tags }) => !among || among.values.includes(tags[among.tag] ?? '')),
    remove: async (query) => {
      const map = mapOf(query);
      for (const point of selected(query)) map.delete(keyOf(point));
    },
    check: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };

  function mapOf({ measurement = MEASUREMENT }: { readonly measurement?: string }): Map<string, Point> {
    return measurement === MEASUREMENT ? contents : others;
  }

  function selected({ measurement = MEASUREMENT, start, end, where = {} }: Omit<SumQuery, 'by'>): Point[] {
    if (store.down) throw new StoreError('unavailable', 'the store is down');
    return [...mapOf({ measurement }).values()].filter(
      (point) =>
        (point.measurement ?? MEASUREMENT) === measurement &&
        point.time >= start &&
        point.time < end &&
        Object.entries(where).every(([tag, value]) => (point.tags[tag as Tag] ?? '') === value),
    );
  }

  function write(points: readonly Point[]): WriteResult {
    if (store.down) {
      return {
        accepted: 0,
        rejected: [],
        kept: points,
        error: new StoreError('unavailable', 'the store is down'),
      };
    }
    const rejected: Rejection[] = [];
    for (const point of points) {
      const reason = faultOf(point);
      if (reason !== undefined) {
        rejected.push({ point, reason });
        continue;
      }
      const map = mapOf(point);
      const key = keyOf(point);
      if (!store.overwrites && map.has(key)) throw new Error(`${key} was written twice`);
      map.set(key, { ...point, fields: { ...map.get(key)?.fields, ...point.fields } });
      if (map === contents) store.written++;
    }
    return { accepted: points.length - rejected.length, rejected, kept: [] };
  }

  return store;
}

function keyOf({ measurement, time, tags }: Point): string {
  return `${measurement ? `${measurement} ` : ''}${time} ${seriesKey(tags)}`;
}

function faultOf(point: Point): string | undefined {
  try {
    toLine(point);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
