import { createHttp } from '../../src/fetch/client.ts';
import { memoryRateLimiter } from './memory-rate-limiter.ts';
import type { ReadResult, Provider, Source } from '../../src/providers/provider.ts';
import type { UsageEvent, World } from '../../src/simulator/world.ts';
import type { Tag, UsageRecord } from '../../src/usage/point.ts';
import { seriesKey } from '../../src/usage/series.ts';
import { bucketsOf, splitByDays } from '../../src/windows/calendar.ts';
import type { Bucket, Window } from '../../src/windows/window.ts';

/** A provider connected to a simulator over the real HTTP layer, which waits on a clock of its own. */
export function connectTo(
  provider: Provider,
  options: Readonly<Record<string, unknown>> & { readonly base_url: string },
  { attempts = 12, timeoutMs = 250 } = {},
): Source {
  let time = Date.parse('2026-10-01T00:00:00Z');
  const now = (): number => time;
  const http = createHttp({
    baseUrl: options.base_url,
    limit: { perSecond: 1000, concurrency: 4 },
    rateLimiter: memoryRateLimiter(),
    fetch: globalThis.fetch,
    sleep: (ms) => Promise.resolve((time += ms)),
    now,
    random: () => 0.5,
    attempts,
    timeoutMs,
  });
  const state = new Map<string, string>();
  return provider.connect(provider.options.parse(options), {
    http,
    dataset: 'usage',
    state: { get: (key) => state.get(key), set: (key, value) => void state.set(key, value) },
    now,
  });
}

/** Everything of a window, asked for as the collector does: in pieces that the provider takes, batch by batch. */
export async function readAll(
  provider: Provider,
  source: Source,
  window: Window,
  bucket: Bucket,
  zone = provider.zone,
): Promise<ReadResult[]> {
  const { signal } = new AbortController();
  const partitions = await source.partitions(signal);
  const answers: ReadResult[] = [];
  for (const piece of splitByDays(window, provider.buckets({}, 'usage')[bucket]?.maxDays ?? 1, zone)) {
    for (let i = 0; i < partitions.length; i += source.batchSize) {
      const batch = partitions.slice(i, i + source.batchSize);
      answers.push(await source.read({ window: piece, bucket, zone, partitions: batch, signal }));
    }
  }
  return answers;
}

export function recordsOf(answers: readonly ReadResult[]): UsageRecord[] {
  return sorted(answers.flatMap(({ records }) => records));
}

export function droppedOf(
  answers: readonly ReadResult[],
  reason: keyof NonNullable<ReadResult['dropped']>,
): number {
  return answers.reduce((sum, { dropped }) => sum + (dropped?.[reason] ?? 0), 0);
}

/** What the world truly holds in each bucket, as shown at `now` (Unix seconds). */
export function truthOf(
  world: World,
  window: Window,
  bucket: Bucket,
  zone: string,
  by: readonly Tag[],
  now: number,
): UsageRecord[] {
  return sorted(bucketsOf(window, bucket, zone).flatMap((one) => world.totals(one, now, by)));
}

export function sorted(records: readonly UsageRecord[]): UsageRecord[] {
  const key = (record: UsageRecord): string => `${record.time} ${seriesKey(record.tags)}`;
  return records.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Usage in the last second before and the first second of each of these times, where edges are counted wrong. */
export function atTheEdges(
  times: readonly number[],
  series: Pick<UsageEvent, 'tags' | 'fields'>,
): UsageEvent[] {
  return times.flatMap((edge) =>
    [edge - 1, edge].map((time) => ({ ...series, id: `edge-${time}`, time, visibleAt: time })),
  );
}
