import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FetchError } from '../../src/fetch/errors.ts';
import { poll } from '../../src/collect/poll/poll.ts';
import { jobContextOf, DAY, HOUR } from '../support/job-context.ts';
import { FULL } from '../support/extent.ts';
import { fakeVendor, stored, truth, type FakeOptions } from '../support/fake-provider.ts';
import { memoryStore } from '../support/memory-store.ts';

const START = Date.UTC(2026, 2, 1) / 1000;
const LOOKBACK = DAY;
const USERS = ['ann', 'bob', 'cat', 'dan', 'eve'];

/** What can happen between two polls. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('wait' as const),
      seconds: fc.integer({ min: 60, max: 4 * HOUR }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('wait' as const),
      seconds: fc.integer({ min: HOUR, max: 3 * DAY }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('use' as const),
      user: fc.constantFrom(...USERS),
      model: fc.constantFrom('m1', 'm2'),
      tokens: fc.integer({ min: 1, max: 1000 }),
      ago: fc.integer({ min: 0, max: 2 * HOUR }),
      late: fc.integer({ min: 0, max: 8 * HOUR }),
      edge: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('revise' as const),
      index: fc.nat(),
      tokens: fc.integer({ min: 0, max: 1000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('vendor' as const), down: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('store' as const), down: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('poison' as const), user: fc.constantFrom(...USERS) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('crash' as const), after: fc.integer({ min: 0, max: 6 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('clock' as const),
      ahead: fc.constantFrom(0, 0, 2 * HOUR, 2 * DAY, -3 * HOUR),
    }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const circumstances = fc.record({
  rangeEnd: fc.constantFrom('exclusive' as const, 'inclusive' as const),
  spoolLimit: fc.constantFrom(3, 40),
  /** How long the vendor takes over an answer, seconds. */
  slowness: fc.constantFrom(0, 7),
});
type Circumstances = typeof circumstances extends fc.Arbitrary<infer T> ? T : never;

async function run(options: FakeOptions, around: Circumstances, steps: Step[]): Promise<void> {
  const vendor = fakeVendor();
  vendor.rangeEnd = around.rangeEnd;
  const answer = (): void => {
    time += around.slowness;
  };
  vendor.before = answer;
  for (const user of USERS.slice(0, 3)) vendor.users.add(user);
  const store = memoryStore();
  let time = START + 5 * HOUR;
  let ahead = 0;
  const context = jobContextOf(vendor, store, {
    ...options,
    now: () => time + ahead,
    vendorNow: () => time,
    start: START,
    lookback: LOOKBACK,
    spoolLimit: around.spoolLimit,
  });
  const signal = new AbortController().signal;
  const pollOnce = async () => {
    try {
      await poll(context, { signal });
    } catch (error) {
      // A crash in the middle: the process is gone, the ledger and the store stay.
      if (!(error instanceof FetchError && error.kind === 'cancelled')) throw error;
    }
  };

  for (const step of steps) {
    if (step.type === 'wait') time += step.seconds;
    if (step.type === 'use') {
      vendor.users.add(step.user);
      const at = Math.max(START, step.edge ? Math.floor((time - step.ago) / HOUR) * HOUR : time - step.ago);
      vendor.uses.push({
        time: at,
        visibleAt: time + step.late,
        user: step.user,
        model: step.model,
        tokens: step.tokens,
      });
    }
    if (step.type === 'revise' && vendor.uses.length > 0) {
      const use = vendor.uses[step.index % vendor.uses.length]!;
      // A vendor corrects only what is still within the look-back.
      if (use.time > time - LOOKBACK / 2) use.tokens = step.tokens;
    }
    if (step.type === 'vendor') vendor.down = step.down;
    if (step.type === 'store') store.down = step.down;
    if (step.type === 'poison' && !vendor.poisoned.delete(step.user)) vendor.poisoned.add(step.user);
    if (step.type === 'clock') ahead = step.ahead;
    if (step.type === 'crash') {
      let left = step.after;
      vendor.before = () => {
        if (left-- <= 0) throw new FetchError('cancelled', 'crash');
      };
      await pollOnce();
      vendor.before = answer;
    }
    if (step.type === 'wait') await pollOnce();
  }

  vendor.down = false;
  store.down = false;
  vendor.poisoned.clear();
  ahead = 0;
  for (const wait of [0, 10 * HOUR, LOOKBACK, 7 * HOUR, 7 * HOUR, LOOKBACK]) {
    time += wait;
    await pollOnce();
  }

  const openStart = Math.floor(time / DAY) * DAY;
  expect(stored([...store.contents.values()].filter((point) => point.time < openStart))).toEqual(
    truth(vendor, options.bucket ?? '1h', options.zone ?? 'UTC', openStart),
  );
  expect(context.ledger.gaps.of('test')).toEqual([]);
  expect(context.ledger.counters.of('test').mismatches ?? 0).toBe(0);
}

describe('after any order of failures, the store equals the provider', () => {
  it.each<[string, FakeOptions]>([
    ['a series provider', { reads: 'series', batchSize: 2 }],
    ['a series provider of days', { reads: 'series', bucket: '1d', batchSize: 1 }],
    ['a provider of totals', { reads: 'totals', batchSize: 3 }],
    ['a provider of totals, days', { reads: 'totals', bucket: '1d', batchSize: 3 }],
    ['a provider of totals that does not tell whose', { reads: 'totals', batchSize: 3, untagged: true }],
    ['a series provider that does not tell whose', { reads: 'series', batchSize: 2, untagged: true }],
  ])(
    '%s',
    async (_, options) => {
      await fc.assert(
        fc.asyncProperty(circumstances, fc.array(step, { maxLength: 40 }), (around, steps) =>
          run(options, around, steps),
        ),
        { numRuns: Number(process.env.RUNS ?? (FULL ? 350 : 35)) },
      );
    },
    120_000,
  );
});
