import { FetchError } from '../../src/fetch/errors.ts';
import type { Source } from '../../src/providers/provider.ts';
import type { UsageEvent, World } from '../../src/simulator/world.ts';
import { sumRecords } from '../../src/usage/aggregate.ts';
import type { Point, Tag, Tags, UsageRecord } from '../../src/usage/point.ts';
import { bucketStart } from '../../src/windows/calendar.ts';
import type { Bucket, Window } from '../../src/windows/window.ts';

export interface WorldVendor {
  /** Every request, by its number of partitions. */
  readonly calls: number[];
  down: boolean;
}

export interface WorldVendorOptions {
  readonly reads: 'series' | 'totals';
  readonly users: readonly string[];
  readonly batchSize: number;
  /** Whether usage at the second where a range ends is counted. */
  readonly rangeEnd: 'exclusive' | 'inclusive';
  /** The vendor's clock, Unix seconds. */
  readonly now: () => number;
  /** Called at each request. */
  readonly onCall?: () => void;
}

const TAGS: readonly Tag[] = ['user', 'model'];

/** A vendor whose usage is a world's: what truly happened is known, and shows only when it has converged. */
export function worldVendor(
  world: World,
  options: WorldVendorOptions,
): { vendor: WorldVendor; source: Source } {
  const vendor: WorldVendor = { calls: [], down: false };
  const answerOrFail = (): void => {
    if (vendor.down) throw new FetchError('unavailable', 'the vendor is down');
  };
  const source: Source = {
    reads: options.reads,
    batchSize: options.batchSize,
    calls: { list: () => 1, read: () => 1 },
    partitions: async () => {
      answerOrFail();
      return options.users.map((user) => ({ id: user, tags: { user } }));
    },
    read: async ({ window, partitions, bucket, zone, rangeEnd }) => {
      options.onCall?.();
      answerOrFail();
      vendor.calls.push(partitions.length);
      const asked = new Set(partitions.map(({ id }) => id));
      const totals = options.reads === 'totals';
      const last = rangeEnd === 'inclusive' ? window.end - 1 : window.end;
      const end = totals && options.rangeEnd === 'inclusive' ? last + 1 : last;
      const seen = world.visible({ start: window.start, end }, options.now());
      const timeOf = (time: number): number => (totals ? window.start : bucketStart(time, bucket, zone));
      return {
        records: sumOf(
          seen.filter(({ tags }) => asked.has(tags.user ?? '')),
          timeOf,
        ),
      };
    },
  };
  return { vendor, source };
}

/** Sums by time, user and model; plain numbers, because a year asks for a hundred thousand of them. */
function sumOf(events: readonly UsageEvent[], timeOf: (time: number) => number): UsageRecord[] {
  const sums = new Map<string, { time: number; tags: Tags; fields: Record<string, number> }>();
  for (const { time, tags, fields } of events) {
    const start = timeOf(time);
    const key = `${start} ${tags.user} ${tags.model}`;
    const sum = sums.get(key) ?? { time: start, tags: { user: tags.user!, model: tags.model! }, fields: {} };
    for (const [field, count] of Object.entries(fields)) {
      sum.fields[field] = (sum.fields[field] ?? 0) + Number(count);
    }
    sums.set(key, sum);
  }
  return [...sums.values()];
}

/** Every point that a world makes in a window, as text: `time user model input output`. */
export function truePoints(world: World, bucket: Bucket, zone: string, { start, end }: Window): string[] {
  const records = world.events
    .filter(({ time }) => time >= start && time < end)
    .map(({ time, tags, fields }): UsageRecord => ({ time: bucketStart(time, bucket, zone), tags, fields }));
  return textsOf(sumRecords(records));
}

/** What one list has and the other has not, in short: the whole would be too long to read. */
export function differences(got: readonly string[], expected: readonly string[]): string[] {
  const [has, wanted] = [new Set(got), new Set(expected)];
  const missing = expected.filter((text) => !has.has(text)).map((text) => `missing: ${text}`);
  const surplus = got.filter((text) => !wanted.has(text)).map((text) => `surplus: ${text}`);
  return [...missing.slice(0, 10), ...surplus.slice(0, 10)];
}

/** Stored points in the same words. */
export function textsOf(points: Iterable<Point>): string[] {
  return [...points]
    .map(
      ({ time, tags, fields }) =>
        `${time} ${TAGS.map((tag) => tags[tag]).join(' ')} ${fields.input_tokens} ${fields.output_tokens}`,
    )
    .toSorted();
}
