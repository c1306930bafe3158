import { poll, type PollReport } from '../../src/collect/poll/poll.ts';
import { openLedger, type Ledger } from '../../src/ledger/ledger.ts';
import type { Source } from '../../src/providers/provider.ts';
import { jobContextOf, type Bench } from '../support/job-context.ts';
import { fakeVendor, stored, truth, type FakeOptions, type FakeVendor } from '../support/fake-provider.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';

export const MINUTE = 60;
export const HOUR = 3600;
export const DAY = 24 * HOUR;
/** A Sunday's midnight, UTC; every fixture's job starts here. */
export const START = Date.UTC(2026, 2, 1) / 1000;

export interface Fixture {
  readonly vendor: FakeVendor;
  readonly store: MemoryStore;
  readonly ledger: Ledger;
  /** The job, ready to collect; made anew by `restart`. */
  context: Bench;
  /** Unix seconds. */
  now: number;
  /** Usage of a member; seen at once unless `late` says how many seconds after. */
  use(user: string, time: number, tokens: number, late?: number): void;
  /** Waits, then polls. */
  pollAfter(seconds: number): Promise<PollReport>;
  /** Polls every `seconds` until `until`. */
  pollUntil(until: number, seconds: number): Promise<void>;
  /** Everything in memory is gone; the ledger and the store stay. */
  restart(): void;
  /** What is stored and what is true, of the closed buckets. */
  stored(): Map<string, number>;
  truth(): Map<string, number>;
}

export type FixtureOptions = Omit<Parameters<typeof jobContextOf>[2], 'now' | 'start'> &
  FakeOptions & { users?: readonly string[]; start?: number };

export function fixture(options: FixtureOptions): Fixture {
  const vendor = fakeVendor();
  for (const user of options.users ?? ['ann', 'bob', 'cat', 'dan']) vendor.users.add(user);
  const store = memoryStore();
  const ledger = options.ledger ?? openLedger(':memory:');
  const bucket = options.bucket ?? '1h';
  const zone = options.zone ?? 'UTC';
  const connect = (): Bench =>
    jobContextOf(vendor, store, { start: START, ...options, ledger, now: () => self.now });
  const closedEnd = (): number =>
    bucket === '1h' ? Math.floor(self.now / HOUR) * HOUR : Math.floor(self.now / DAY) * DAY;
  const self: Fixture = {
    vendor,
    store,
    ledger,
    context: undefined as unknown as Bench,
    now: START,
    use: (user, time, tokens, late = 0) => {
      vendor.uses.push({ time, visibleAt: time + late, user, model: 'm1', tokens });
    },
    pollAfter: (seconds) => {
      self.now += seconds;
      return poll(self.context, { signal: new AbortController().signal });
    },
    pollUntil: async (until, seconds) => {
      while (self.now + seconds <= until) await self.pollAfter(seconds);
    },
    restart: () => {
      self.context = connect();
    },
    stored: () => stored([...store.contents.values()].filter(({ time }) => time < closedEnd())),
    truth: () => truth(vendor, bucket, zone, closedEnd()),
  };
  self.context = connect();
  return self;
}

/** The events of one type. */
export function eventsOf<Type extends Bench['events'][number]['type']>(
  { context }: Fixture,
  type: Type,
): Extract<Bench['events'][number], { type: Type }>[] {
  return context.events.filter(
    (event): event is Extract<typeof event, { type: Type }> => event.type === type,
  );
}

/** Has the provider's answers, or what it is asked, changed on the way. */
export function intercept(f: Fixture, change: (source: Source) => Partial<Source>): void {
  const { source } = f.context;
  f.context = { ...f.context, source: { ...source, ...change(source) } };
}
