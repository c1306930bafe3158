import { describe, expect, it } from 'vitest';
import type { JobContext } from '../../src/collect/context.ts';
import { poll } from '../../src/collect/poll/poll.ts';
import { openLedger, type Ledger } from '../../src/ledger/ledger.ts';
import type { Source } from '../../src/providers/provider.ts';
import type { Store } from '../../src/store/store.ts';
import { jobContextOf, DAY, HOUR } from '../support/job-context.ts';
import { FULL } from '../support/extent.ts';
import { fakeVendor, stored, truth, type FakeOptions, type FakeVendor } from '../support/fake-provider.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';

const START = Date.UTC(2026, 9, 1) / 1000;
const FIRST_POLL = START + 30 * HOUR + 600;
const signal = new AbortController().signal;

/** The process is gone: nobody handles this. */
class Killed extends Error {
  override readonly name = 'Killed';
}

/** Kills at the step of the given number, and at every later one: a dead process does nothing more. */
function killer(at: number): { step: () => void; steps: () => number } {
  let steps = 0;
  return {
    step: () => {
      steps += 1;
      if (steps >= at) throw new Killed(`at step ${steps}`);
    },
    steps: () => steps,
  };
}

/** Every point at which a poll waits or makes something durable becomes a step, before and after. */
function instrument(context: JobContext, step: () => void): JobContext {
  const around = <A extends unknown[], R>(act: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      step();
      const result = await act(...args);
      step();
      return result;
    };
  };
  const source: Source = {
    ...context.source,
    partitions: around((s) => context.source.partitions(s)),
    read: around((request) => context.source.read(request)),
  };
  const store: Store = {
    ...context.store,
    write: around((points, s) => context.store.write(points, s)),
    sums: around((query) => context.store.sums(query)),
    points: around((query) => context.store.points(query)),
  };
  const ledger: Ledger = {
    ...context.ledger,
    commit: (change) => {
      step();
      const result = context.ledger.commit(change);
      step();
      return result;
    },
  };
  return { ...context, source, store, ledger };
}

/** What happens between polls; each runs once, whether the poll before it was killed or not. */
type Scene = (vendor: FakeVendor, store: MemoryStore) => number;

const CALM: readonly Scene[] = [
  () => 0,
  (vendor) => {
    vendor.uses.push(use('ann', START + 29 * HOUR, 7), use('bob', START + 30 * HOUR + 30, 5));
    return HOUR;
  },
  (vendor) => {
    vendor.uses[0]!.tokens = 0;
    vendor.poisoned.add('bob');
    return HOUR;
  },
  (vendor) => {
    vendor.poisoned.clear();
    return 8 * HOUR;
  },
];

const STORE_DOWN: readonly Scene[] = [
  () => 0,
  (vendor, store) => {
    store.down = true;
    vendor.uses.push(use('ann', START + 29 * HOUR, 7), use('bob', START + 30 * HOUR + 30, 5));
    return HOUR;
  },
  (vendor) => {
    vendor.uses.push(use('ann', START + 31 * HOUR, 3));
    vendor.uses[1]!.tokens += 4;
    return HOUR;
  },
  (_, store) => {
    store.down = false;
    return HOUR;
  },
];

function use(user: string, time: number, tokens: number) {
  return { time, visibleAt: time, user, model: 'm', tokens };
}

interface Case {
  readonly options: FakeOptions;
  readonly scenes: readonly Scene[];
  readonly spoolLimit: number;
}

/** Plays the scenes, killed once at the given step, and lets everything settle. Resolves to the steps it took. */
async function play({ options, scenes, spoolLimit }: Case, killAt: number): Promise<number> {
  const vendor = fakeVendor();
  vendor.users.add('ann').add('bob').add('cat');
  for (let hour = 0; hour < 30; hour++) {
    if (hour % 5 < 2) vendor.uses.push(use(hour % 2 ? 'ann' : 'bob', START + hour * HOUR + 60, 10 + hour));
  }
  const store = memoryStore();
  const { step, steps } = killer(killAt);
  let now = FIRST_POLL;
  // What a commit has changed is there afterwards, and nothing else: as on a disk, at a tenth of the time.
  const ledger = openLedger(':memory:');
  const context = (): JobContext =>
    jobContextOf(vendor, store, {
      ...options,
      now: () => now,
      start: START,
      lookback: 2 * DAY,
      ledger,
      spoolLimit,
    });

  for (const scene of scenes) {
    now += scene(vendor, store);
    try {
      await poll(instrument(context(), step), { signal });
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      await poll(context(), { signal });
    }
  }
  for (const wait of [HOUR, 7 * HOUR, 2 * DAY, 7 * HOUR, 2 * DAY]) {
    now += wait;
    await poll(context(), { signal });
  }

  const until = Math.floor(now / HOUR) * HOUR;
  expect(stored(store.contents.values()), `killed at step ${killAt}`).toEqual(
    truth(vendor, '1h', 'UTC', until),
  );
  expect(ledger.gaps.of('test'), `killed at step ${killAt}`).toEqual([]);
  expect(ledger.spool.size()).toBe(0);
  ledger.close();
  return steps();
}

describe('a collector killed at any point between fetch and ledger commit loses and duplicates nothing', () => {
  const series: FakeOptions = { reads: 'series', batchSize: 2, maxDays: 1 };
  const totals: FakeOptions = { reads: 'totals', batchSize: 2 };
  it.each<[string, Case]>([
    ['a series provider', { options: series, scenes: CALM, spoolLimit: 1000 }],
    ['a provider of totals', { options: totals, scenes: CALM, spoolLimit: 1000 }],
    ['a series provider while the store is down', { options: series, scenes: STORE_DOWN, spoolLimit: 1000 }],
    [
      'a provider of totals while the store is down',
      { options: totals, scenes: STORE_DOWN, spoolLimit: 1000 },
    ],
    ['a series provider with a spool that overflows', { options: series, scenes: STORE_DOWN, spoolLimit: 2 }],
    [
      'a provider of totals with a spool that overflows',
      { options: totals, scenes: STORE_DOWN, spoolLimit: 2 },
    ],
  ])('%s', async (_, matrix) => {
    const steps = await play(matrix, Infinity);
    expect(steps).toBeGreaterThan(30);

    const stride = FULL ? 1 : 11;
    for (let killAt = 1; killAt <= steps; killAt += stride) await play(matrix, killAt);
  });
});
