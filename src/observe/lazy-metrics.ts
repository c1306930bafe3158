import type { Metrics, MetricsOptions } from './metrics.ts';

/** Metrics whose library is loaded after the start. */
export interface LazyMetrics {
  /** Applies an update now, or as soon as the library is loaded. */
  record(update: (metrics: Metrics) => void): void;
  /** Set once `text` has resolved. */
  readonly contentType: string;
  /** The exposition text. */
  text(): Promise<string>;
}

/** Queued updates at which the library is loaded although nobody has asked for metrics. */
const QUEUE_LIMIT = 1000;

/** Queues updates until the first scrape, because loading the library would delay the first request. */
export function lazyMetrics(options: MetricsOptions): LazyMetrics {
  const queue: ((metrics: Metrics) => void)[] = [];
  let metrics: Metrics | undefined;

  async function load(): Promise<Metrics> {
    const { createMetrics } = await import('./metrics.ts');
    metrics ??= createMetrics(options);
    for (const update of queue.splice(0)) update(metrics);
    return metrics;
  }

  return {
    record: (update) => {
      if (metrics) return update(metrics);
      queue.push(update);
      if (queue.length === QUEUE_LIMIT) void load();
    },
    get contentType() {
      return metrics?.contentType ?? '';
    },
    text: async () => (await load()).text(),
  };
}
