import { afterEach, expect, it } from 'vitest';
import { poll } from '../../src/collect/poll/poll.ts';
import { trae } from '../../src/providers/trae/index.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { traeSimulator } from '../../src/simulator/trae.ts';
import { createWorld, officeHours } from '../../src/simulator/world.ts';
import { fakeVendor } from '../support/fake-provider.ts';
import { DAY, HOUR, jobContextOf } from '../support/job-context.ts';
import { memoryStore } from '../support/memory-store.ts';
import { connectTo } from '../support/simulated.ts';

const START = Date.parse('2026-09-28T00:00:00+08:00') / 1000;
const MEMBERS = Array.from({ length: 150 }, (_, i) => ({ id: 1000 + i, email: `member-${i}@example.com` }));
const BROKEN = 'member-42@example.com';

const world = createWorld(
  officeHours({
    seed: 5,
    start: START,
    end: START + DAY,
    series: MEMBERS.filter((_, i) => i % 6 === 0).map(({ email }) => ({
      user: email,
      model: 'm',
      model_type: 'Chat',
      model_source: 'Trae',
    })),
    perHour: 1,
  }),
);

let simulator: Simulator;
afterEach(() => simulator.close());

/** Polls a job of Trae every five minutes. Resolves to the users with stored usage and to the partitions with gaps. */
async function collect(polls: number, options: { broken?: string[]; faults?: () => Fault | undefined }) {
  let now = START + DAY;
  simulator = await traeSimulator({
    world,
    now: () => now * 1000,
    appId: 'a',
    appSecret: 's',
    members: MEMBERS,
    ...options,
  });
  const store = memoryStore();
  const base = jobContextOf(fakeVendor(), store, {
    reads: 'totals',
    zone: 'Asia/Shanghai',
    start: START,
    now: () => now,
    lookback: 2 * HOUR,
  });
  const credentials = { app_id: 'a', app_secret: 's', base_url: simulator.url };
  const context = { ...base, source: connectTo(trae, credentials, { attempts: 2, timeoutMs: 30_000 }) };
  for (let i = 0; i < polls; i++) {
    await poll(context, { signal: new AbortController().signal });
    now += 300;
  }
  return {
    users: new Set([...store.contents.values()].map(({ tags }) => tags.user)),
    gaps: [...new Set(context.ledger.gaps.of('test').map(({ partition, kind }) => `${partition} ${kind}`))],
  };
}

const USERS = new Set(world.events.map(({ tags }) => tags.user));

it('one member of 150 for whom Trae always fails is the only gap after four polls', async () => {
  const { users, gaps } = await collect(4, { broken: [BROKEN] });

  expect(gaps).toEqual([expect.stringMatching(/42.* unavailable$/)]);
  expect(users).toEqual(new Set([...USERS].filter((user) => user !== BROKEN)));
});

it('rows of Trae whose sum does not fit a counter leave gaps, and no exception', async () => {
  const { gaps } = await collect(2, { faults: () => 'overflowing_rows' });

  expect(gaps.length).toBeGreaterThan(0);
  expect(gaps.every((gap) => gap.endsWith(' unexpected'))).toBe(true);
});
