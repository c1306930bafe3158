import type { UsageRecord } from './point.ts';
import { seriesKey } from './series.ts';

type Place = Pick<UsageRecord, 'time' | 'tags'>;

/** Records by series and bucket, in order of first appearance. */
export interface ReadonlyRecordIndex {
  readonly size: number;
  get(place: Place): UsageRecord | undefined;
  has(place: Place): boolean;
  values(): readonly UsageRecord[];
}

export interface RecordIndex extends ReadonlyRecordIndex {
  /** Adds a record; `merge` combines it with an existing one of the same series and bucket. */
  add(record: UsageRecord, merge: (old: UsageRecord, record: UsageRecord) => UsageRecord): void;
}

export function createRecordIndex(): RecordIndex {
  const values: UsageRecord[] = [];
  // Two levels, because the key of a series is cached and a combined key would have to be built.
  const positions = new Map<number, Map<string, number>>();

  const position = ({ time, tags }: Place): number | undefined => positions.get(time)?.get(seriesKey(tags));

  function add(record: UsageRecord, merge: (old: UsageRecord, record: UsageRecord) => UsageRecord): void {
    let bucket = positions.get(record.time);
    if (!bucket) {
      bucket = new Map();
      positions.set(record.time, bucket);
    }
    const key = seriesKey(record.tags);
    const at = bucket.get(key);
    if (at !== undefined) {
      values[at] = merge(values[at]!, record);
      return;
    }
    bucket.set(key, values.length);
    values.push(record);
  }

  return {
    get size() {
      return values.length;
    },
    get: (place) => {
      const at = position(place);
      return at === undefined ? undefined : values[at];
    },
    has: (place) => position(place) !== undefined,
    add,
    values: () => values,
  };
}
