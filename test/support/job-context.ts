import { emptyListing, noCalls, type JobContext } from '../../src/collect/context.ts';
import type { CollectEvent } from '../../src/collect/events.ts';
import type { Job } from '../../src/collect/job.ts';
import { openLedger, type Ledger } from '../../src/ledger/ledger.ts';
import type { Store } from '../../src/store/store.ts';
import { refreshAges } from '../../src/windows/refresh-schedule.ts';
import { fakeProvider, fakeSource, type FakeOptions, type FakeVendor } from './fake-provider.ts';

export const HOUR = 3600;
export const DAY = 24 * HOUR;

export interface Bench extends JobContext {
  readonly events: CollectEvent[];
}

/** A job of a made-up vendor, ready to poll. `vendorNow` is the vendor's clock where it differs from the daemon's. */
export function jobContextOf(
  vendor: FakeVendor,
  store: Store,
  options: FakeOptions & {
    now: () => number;
    vendorNow?: () => number;
    start: number;
    lookback?: number;
    ledger?: Ledger;
    pollInterval?: number;
    spoolLimit?: number;
    job?: Partial<Job>;
  },
): Bench {
  const provider = fakeProvider(options);
  const job: Job = {
    name: 'test',
    provider,
    account: 'main',
    dataset: 'usage',
    rate: provider.rate,
    schedule: '*/5 * * * *',
    scheduleZone: 'UTC',
    bucket: options.bucket ?? '1h',
    zone: options.zone ?? 'UTC',
    start: options.start,
    lookback: options.lookback ?? 3 * DAY,
    options: {},
    tagLimits: {},
    ...options.job,
  };
  const ledger = options.ledger ?? openLedger(':memory:');
  if (!ledger.jobs.of(job.name)) {
    ledger.jobs.save(job.name, { identity: 'test', clock: 0, rangeEnd: undefined });
  }
  const events: CollectEvent[] = [];
  return {
    job,
    source: fakeSource(vendor, options, options.vendorNow ?? options.now),
    ages: refreshAges(options.pollInterval ?? 300, job.lookback),
    ledger,
    store,
    outage: { until: 0 },
    listing: emptyListing(),
    calls: noCalls(),
    observe: (event) => void events.push(event),
    spoolLimit: options.spoolLimit ?? 1_000_000,
    now: options.now,
    events,
  };
}
