import { describe, expect, it } from 'vitest';
import { poll } from '../../src/collect/poll/poll.ts';
import { OTHER } from '../../src/usage/cardinality.ts';
import { jobContextOf, DAY, HOUR } from '../support/job-context.ts';
import { fakeVendor } from '../support/fake-provider.ts';
import { memoryStore } from '../support/memory-store.ts';

const START = Date.UTC(2026, 9, 1) / 1000;
const NOW = START + 31 * DAY;
const USERS = Array.from({ length: 40 }, (_, index) => `user-${index}`);
const signal = new AbortController().signal;

/** A month of forty users, each using a token in every hour, of whom five are let in. */
function month() {
  const vendor = fakeVendor();
  for (const user of USERS) vendor.users.add(user);
  for (let time = START; time < NOW; time += HOUR) {
    for (const user of USERS) vendor.uses.push({ time, visibleAt: time, user, model: 'm', tokens: 1 });
  }
  const store = memoryStore();
  const context = jobContextOf(vendor, store, {
    reads: 'series',
    start: START,
    now: () => NOW,
    maxDays: 31,
    batchSize: 10,
    job: { tagLimits: { user: 5 } },
  });
  return { vendor, store, context };
}

describe('values beyond the limit of their tag', () => {
  it('are added up in one point per bucket, also where a window is stored in several pieces', async () => {
    const { store, context } = month();

    await poll(context, { signal });

    const sums = await store.sums({ start: START, end: NOW, by: ['user'] });
    const hours = (NOW - START) / HOUR;
    expect(sums).toHaveLength(6);
    expect(sums.find(({ tags }) => tags.user === OTHER)?.fields.input_tokens).toBe(35 * hours);
    expect(sums.filter(({ tags }) => tags.user !== OTHER).map(({ fields }) => fields.input_tokens)).toEqual(
      Array(5).fill(hours),
    );
    expect(context.events).toContainEqual({
      type: 'overflow',
      job: 'test',
      tag: 'user',
      values: expect.any(Number),
    });
  });

  it('stay right when one of them is revised', async () => {
    const { vendor, store, context } = month();
    await poll(context, { signal });
    const hour = NOW - HOUR;
    vendor.uses.findLast(({ time, user }) => time === hour && user === 'user-39')!.tokens = 100;
    const later = { ...context, now: () => NOW + HOUR };

    await poll(later, { signal });

    const [sum] = await store.sums({ start: hour, end: NOW, where: { user: OTHER }, by: [] });
    expect(sum?.fields.input_tokens).toBe(34 + 100);
  });

  it('stay whole when the gap of one of them is filled long after its bucket is final', async () => {
    const vendor = fakeVendor();
    for (const user of ['a', 'b', 'c']) {
      vendor.users.add(user);
      vendor.uses.push({ time: START + 60, visibleAt: START, user, model: 'm', tokens: 100 });
    }
    vendor.poisoned.add('c');
    let now = START + 30 * DAY;
    const store = memoryStore();
    const options = {
      reads: 'series' as const,
      start: START,
      now: () => now,
      job: { tagLimits: { user: 1 } },
    };
    const context = jobContextOf(vendor, store, options);
    await poll(context, { signal });
    vendor.poisoned.clear();
    now += DAY;

    await poll(context, { signal });

    const [sum] = await store.sums({ start: START, end: now, where: { user: OTHER }, by: [] });
    expect(sum?.fields.input_tokens).toBe(200);
  });

  it('that a raised limit lets in leave the sum of the others right, bucket by bucket', async () => {
    const vendor = fakeVendor();
    for (const user of ['a', 'b', 'c']) {
      vendor.users.add(user);
      for (const hour of [0, 1]) {
        const time = START + hour * HOUR + 60;
        vendor.uses.push({ time, visibleAt: time, user, model: 'm', tokens: hour ? 1000 : 100 });
      }
    }
    let now = START + 2 * HOUR + 600;
    const store = memoryStore();
    const options = { reads: 'series' as const, start: START, now: () => now };
    const first = jobContextOf(vendor, store, { ...options, job: { tagLimits: { user: 1 } } });
    await poll(first, { signal });
    const raised = jobContextOf(vendor, store, {
      ...options,
      ledger: first.ledger,
      job: { tagLimits: { user: 3 } },
    });
    const change = async (user: string, after: number, tokens: number) => {
      vendor.uses.find((use) => use.user === user && use.time > after)!.tokens = tokens;
      now += DAY / 2;
      await poll(raised, { signal });
    };

    await change('b', START + HOUR, 1001);
    await change('c', START, 101);

    const [sum] = await store.sums({ start: START, end: now, by: [] });
    expect(sum?.fields.input_tokens).toBe(3302);
  });
});
