import { describe, expect, it } from 'vitest';
import { batchesOf, ProviderDown, readBatches } from '../../src/collect/poll/batches.ts';
import { FetchError, type FetchErrorKind } from '../../src/fetch/errors.ts';
import type { ReadResult, Partition, Source } from '../../src/providers/provider.ts';
import { START } from './fixture.ts';

const REQUEST = {
  window: { start: START, end: START + 3600 },
  bucket: '1h' as const,
  zone: 'UTC',
  signal: new AbortController().signal,
};

const partitionsOf = (count: number): Partition[] =>
  Array.from({ length: count }, (_, i) => ({ id: `p${i}`, tags: { key: `p${i}` } }));

function sourceOf(read: (ids: string[]) => ReadResult): Source & { asked: string[][] } {
  const asked: string[][] = [];
  return {
    asked,
    reads: 'series',
    batchSize: 2,
    calls: { list: () => 1, read: () => 1 },
    partitions: () => Promise.resolve([]),
    read: async ({ partitions }) => {
      const ids = partitions.map(({ id }) => id);
      asked.push(ids);
      return read(ids);
    },
  };
}

function failing(kind: FetchErrorKind, culprits: readonly string[] | 'all') {
  return sourceOf((ids) => {
    if (culprits === 'all' || ids.some((id) => culprits.includes(id))) throw new FetchError(kind, kind);
    return { records: [] };
  });
}

describe('readBatches', () => {
  it('hands on every answer, of any length, with whom it is about', async () => {
    const records = Array.from({ length: 300_000 }, (_, i) => ({
      time: START,
      tags: { key: `k${i}` },
      fields: { requests: 1 },
    }));

    const handed: [number, string[]][] = [];
    await readBatches(
      sourceOf(() => ({ records })),
      REQUEST,
      partitionsOf(4),
      1,
      (answer, batch) => void handed.push([answer.length, batch.map(({ id }) => id)]),
    );

    expect(handed).toEqual([
      [300_000, ['p0', 'p1']],
      [300_000, ['p2', 'p3']],
    ]);
  });

  it('adds up what answers left out', async () => {
    const source = sourceOf(() => ({ records: [], dropped: { duplicate: 2, unknown_type: 1 } }));

    const batches = await readBatches(source, REQUEST, partitionsOf(6), 1, () => undefined);

    expect([...batches.dropped]).toEqual([
      ['duplicate', 6],
      ['unknown_type', 3],
    ]);
  });

  it('gives up when the provider is down, after three batches', async () => {
    const source = failing('unavailable', 'all');

    const reading = readBatches(source, REQUEST, partitionsOf(100), 1, () => undefined);

    await expect(reading).rejects.toThrow(ProviderDown);
    expect(source.asked).toHaveLength(3);
  });

  it('gives up at once when the credentials are wrong', async () => {
    const source = failing('credentials', 'all');

    await expect(readBatches(source, REQUEST, partitionsOf(100), 1, () => undefined)).rejects.toThrow(
      ProviderDown,
    );
    expect(source.asked).toHaveLength(1);
  });

  it('takes three failures far apart for what they are', async () => {
    const source = failing('unavailable', ['p0', 'p10', 'p20']);

    const batches = await readBatches(source, REQUEST, partitionsOf(30), 1, () => undefined);

    expect([...batches.failed.keys()].map(({ id }) => id)).toEqual(['p0', 'p1', 'p10', 'p11', 'p20', 'p21']);
    expect(batches.answered).toHaveLength(24);
  });

  it('halves a batch that is refused, and no batch that may not be asked', async () => {
    const refused = failing('refused', ['p0', 'p1']);
    const forbidden = failing('permission', ['p0', 'p1']);

    await readBatches(refused, REQUEST, partitionsOf(4), 1, () => undefined);
    await readBatches(forbidden, REQUEST, partitionsOf(4), 1, () => undefined);

    expect(refused.asked).toEqual([['p0', 'p1'], ['p0'], ['p1'], ['p2', 'p3']]);
    expect(forbidden.asked).toEqual([
      ['p0', 'p1'],
      ['p2', 'p3'],
    ]);
  });

  it('passes a cancellation on', async () => {
    const reading = readBatches(failing('cancelled', ['p2']), REQUEST, partitionsOf(4), 1, () => undefined);

    await expect(reading).rejects.toMatchObject({ kind: 'cancelled' });
  });
});

describe('batchesOf', () => {
  it('gives full batches and the rest', () => {
    expect(batchesOf([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(batchesOf([], 2)).toEqual([]);
  });
});
