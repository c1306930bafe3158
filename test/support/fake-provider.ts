import { z } from 'zod';
import { FetchError } from '../../src/fetch/errors.ts';
import {
  defineProvider,
  USAGE,
  type Partition,
  type Provider,
  type ReadRequest,
  type Source,
} from '../../src/providers/provider.ts';
import { sumRecords } from '../../src/usage/aggregate.ts';
import type { UsageRecord } from '../../src/usage/point.ts';
import { bucketStart } from '../../src/windows/calendar.ts';
import type { Bucket } from '../../src/windows/window.ts';

/** One use of tokens at a vendor that tests make up; times in Unix seconds. */
export interface Use {
  readonly time: number;
  readonly visibleAt: number;
  readonly user: string;
  readonly model: string;
  tokens: number;
}

export interface FakeVendor {
  readonly uses: Use[];
  readonly users: Set<string>;
  /** Users whose presence makes a batch be refused. */
  readonly poisoned: Set<string>;
  /** Users whose presence makes a batch fail with a server error. */
  readonly broken: Set<string>;
  down: boolean;
  rangeEnd: 'exclusive' | 'inclusive';
  /** One entry per request. */
  readonly requests: { start: number; end: number; users: number }[];
  /** Called before each answer, for crashes and changes in the middle of a read. */
  before: () => void;
}

export interface FakeOptions {
  readonly reads: 'series' | 'totals';
  readonly bucket?: Bucket;
  readonly zone?: string;
  readonly maxDays?: number;
  readonly batchSize?: number;
  readonly retentionDays?: number;
  /** Partitions do not say whose usage is theirs. */
  readonly untagged?: boolean;
}

export function fakeVendor(): FakeVendor {
  return {
    uses: [],
    users: new Set(),
    poisoned: new Set(),
    broken: new Set(),
    down: false,
    rangeEnd: 'exclusive',
    requests: [],
    before: () => undefined,
  };
}

export function fakeProvider(options: FakeOptions): Provider {
  const maxDays = options.maxDays ?? (options.reads === 'totals' ? 180 : 7);
  return defineProvider({
    id: 'fake',
    title: 'Fake',
    docsUrl: 'https://example.com',
    options: z.strictObject({}),
    zone: options.zone ?? 'UTC',
    buckets: () => ({ '1h': { maxDays }, '1d': { maxDays } }),
    datasets: [USAGE],
    rate: { perSecond: 1, concurrency: 1, source: 'made up' },
    ...(options.retentionDays && { retentionDays: options.retentionDays }),
    baseUrl: () => 'http://127.0.0.1',
    connect: () => {
      throw new Error('use fakeSource');
    },
  });
}

/** The vendor's API as a source. `now` is the vendor's own clock, which is always right. */
export function fakeSource(vendor: FakeVendor, options: FakeOptions, now: () => number): Source {
  return {
    reads: options.reads,
    batchSize: options.batchSize ?? 10,
    calls: { list: () => 1, read: () => 1 },
    partitions: async () => {
      if (vendor.down) throw new FetchError('unavailable', 'the vendor is down');
      return [...vendor.users].map((user): Partition =>
        options.untagged ? { id: user } : { id: user, tags: { user } },
      );
    },
    read: async (request) => {
      vendor.before();
      if (vendor.down) throw new FetchError('unavailable', 'the vendor is down');
      vendor.requests.push({ ...request.window, users: request.partitions.length });
      const users = new Set(request.partitions.map(({ id }) => id));
      if ([...users].some((user) => vendor.poisoned.has(user))) {
        throw new FetchError('refused', 'unknown member');
      }
      if ([...users].some((user) => vendor.broken.has(user))) {
        throw new FetchError('unavailable', 'HTTP 500');
      }
      const from = request.window.start;
      const sent = request.rangeEnd === 'inclusive' ? request.window.end - 1 : request.window.end;
      const totals = options.reads === 'totals';
      const to = totals && vendor.rangeEnd === 'inclusive' ? sent + 1 : sent;
      const seen = vendor.uses.filter(
        (use) =>
          use.time >= from &&
          use.time < to &&
          use.visibleAt <= now() &&
          users.has(use.user) &&
          use.tokens > 0,
      );
      return { records: sumRecords(seen.map((use) => record(use, totals ? from : bucketOf(use, request)))) };
    },
  };
}

/** What the store must hold for a vendor in the end: tokens by user, model and bucket. */
export function truth(vendor: FakeVendor, bucket: Bucket, zone: string, until: number): Map<string, number> {
  const sums = new Map<string, number>();
  for (const use of vendor.uses) {
    if (use.time >= until) continue;
    const key = `${bucketStart(use.time, bucket, zone)} ${use.user} ${use.model}`;
    sums.set(key, (sums.get(key) ?? 0) + use.tokens);
  }
  for (const [key, tokens] of sums) if (tokens === 0) sums.delete(key);
  return sums;
}

/** The same view of what a store holds. */
export function stored(points: Iterable<UsageRecord>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { time, tags, fields } of points) {
    if (fields.input_tokens) sums.set(`${time} ${tags.user} ${tags.model}`, Number(fields.input_tokens));
  }
  return sums;
}

function bucketOf(use: Use, { bucket, zone }: ReadRequest): number {
  return bucketStart(use.time, bucket, zone);
}

function record(use: Use, time: number): UsageRecord {
  return { time, tags: { user: use.user, model: use.model }, fields: { input_tokens: use.tokens } };
}
