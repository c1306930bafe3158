import { describe, expect, it } from 'vitest';
import { backfillWindow, planBackfill } from '../../src/collect/poll/backfill.ts';
import { discover } from '../../src/collect/poll/partitions.ts';
import { Secret } from '../../src/lib/secret.ts';
import { StoreError } from '../../src/store/store.ts';
import type { FakeOptions } from '../support/fake-provider.ts';
import { DAY, eventsOf, fixture, HOUR, START, type Fixture, type FixtureOptions } from './fixture.ts';

const KINDS: [string, FakeOptions][] = [
  ['a series provider', { reads: 'series', batchSize: 2 }],
  ['a provider of totals', { reads: 'totals', batchSize: 2 }],
];
const DAYS = 5;

/** Backfills the first days and resolves to the number of points written. */
async function backfill(f: Fixture): Promise<number> {
  const { written } = f.store;
  const { signal } = new AbortController();
  const range = { start: START, end: START + DAYS * DAY };
  const planned = planBackfill(f.context, range, await discover(f.context, signal));
  for (const window of planned.windows) {
    await backfillWindow(f.context, planned, window, { from: 'start', to: undefined, full: false }, signal);
  }
  return f.store.written - written;
}

function filled(options: FixtureOptions): Fixture {
  const f = fixture({ lookback: DAY, ...options });
  for (let hour = 0; hour < DAYS * 24; hour += 5)
    for (const user of ['ann', 'bob', 'cat']) f.use(user, START + hour * HOUR + 10, hour + 1);
  f.now = START + 30 * DAY;
  return f;
}

describe.each(KINDS)('a backfill of windows beyond the lookback, from %s', (_, options) => {
  it('writes everything once, and nothing when repeated', async () => {
    const f = filled(options);

    expect(await backfill(f)).toBe(f.truth().size);
    expect(await backfill(f)).toBe(0);
    f.restart();
    expect(await backfill(f)).toBe(0);
    expect(f.stored()).toEqual(f.truth());
  });

  it('writes only what the provider has changed', async () => {
    const f = filled(options);
    await backfill(f);
    f.use('bob', START + 10, 1000);
    f.use('dan', START + DAY, 7);

    expect(await backfill(f)).toBe(2);
    expect(f.stored()).toEqual(f.truth());
  });

  it('writes only what the store has lost', async () => {
    const f = filled(options);
    await backfill(f);
    const keys = [...f.store.contents.keys()];
    for (const key of [keys[0]!, keys.at(-1)!]) f.store.contents.delete(key);

    expect(await backfill(f)).toBe(2);
    expect(f.stored()).toEqual(f.truth());
  });

  it('writes what was stored without the derived field tokens', async () => {
    const f = filled(options);
    await backfill(f);
    for (const [key, { fields, ...point }] of [...f.store.contents].slice(0, 3)) {
      const { tokens: _, ...reported } = fields;
      f.store.contents.set(key, { ...point, fields: reported });
    }

    expect(await backfill(f)).toBe(3);
    expect(f.stored()).toEqual(f.truth());
  });

  it('spools everything while the store is down, and writes it later', async () => {
    const f = filled(options);
    await backfill(f);
    f.use('ann', START + 10, 5);
    f.store.down = true;
    await backfill(f);
    f.store.down = false;
    f.vendor.uses.pop();

    // The spool holds a value that is newer than the store's, but older than the provider's.
    f.now += HOUR;
    await backfill(f);
    await f.pollAfter(HOUR);

    expect(f.ledger.spool.size()).toBe(0);
    expect(f.stored()).toEqual(f.truth());
  });
});

it('a store that needs a person to act is reported, and everything is written', async () => {
  const f = filled({ reads: 'series' });
  const error = new StoreError('config', 'the token has no right to query');
  f.store.points = () => Promise.reject(error);

  expect(await backfill(f)).toBe(f.truth().size);
  expect(eventsOf(f, 'store_down')[0]).toMatchObject({ job: 'test', error });
});

it('compares series by their stored names', async () => {
  const teams = new Map([['ann', 'blue']]);
  const job = { teams, pseudonymKey: new Secret('a key of sixteen characters') };
  const f = filled({ reads: 'series', batchSize: 2, job });

  expect(await backfill(f)).toBe(f.truth().size);
  expect(await backfill(f)).toBe(0);
  expect(f.store.contents.size).toBe(f.truth().size);
});
