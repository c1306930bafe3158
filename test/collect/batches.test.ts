import { describe, expect, it, onTestFinished } from 'vitest';
import { batchesOf, ProviderDown, readBatches, type BatchOptions } from '../../src/collect/poll/batches.ts';
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

const options = (failedBefore: readonly string[] = [], concurrency = 1): BatchOptions => ({
  concurrency,
  progress: {
    startedAt: START,
    answered: false,
    hasRows: false,
    failuresInARow: 0,
    halvingCalls: 0,
    probes: 0,
    failedBefore: new Set(failedBefore),
    failed: new Set(),
    dropped: new Map(),
  },
});

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

function failing(kind: FetchErrorKind, culprits: readonly string[] | 'all', batchSize = 2) {
  const source = sourceOf((ids) => {
    if (culprits === 'all' || ids.some((id) => culprits.includes(id))) throw new FetchError(kind, kind);
    return { records: [] };
  });
  return Object.assign(source, { batchSize });
}

const idsOf = (partitions: Iterable<Partition>): string[] => [...partitions].map(({ id }) => id);

describe('readBatches', () => {
  it('passes on every answer, of any length, with its partitions', async () => {
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
      options(),
      (answer, batch) => void handed.push([answer.length, batch.map(({ id }) => id)]),
    );

    expect(handed).toEqual([
      [300_000, ['p0', 'p1']],
      [300_000, ['p2', 'p3']],
    ]);
  });

  it('adds up discarded rows', async () => {
    const source = sourceOf(() => ({ records: [], dropped: { duplicate: 2, unknown_type: 1 } }));

    const batches = await readBatches(source, REQUEST, partitionsOf(6), options(), () => undefined);

    expect([...batches.dropped]).toEqual([
      ['duplicate', 6],
      ['unknown_type', 3],
    ]);
  });

  it('gives up when the provider is down, after three batches', async () => {
    const source = failing('unavailable', 'all');

    const reading = readBatches(source, REQUEST, partitionsOf(100), options(), () => undefined);

    await expect(reading).rejects.toThrow(ProviderDown);
    expect(source.asked).toHaveLength(3);
  });

  it('gives up at once when the credentials are wrong', async () => {
    const source = failing('credentials', 'all');

    await expect(readBatches(source, REQUEST, partitionsOf(100), options(), () => undefined)).rejects.toThrow(
      ProviderDown,
    );
    expect(source.asked).toHaveLength(1);
  });

  it('does not count failures with successes in between as an outage', async () => {
    const source = failing('unavailable', ['p0', 'p10', 'p20']);

    const batches = await readBatches(source, REQUEST, partitionsOf(30), options(), () => undefined);

    expect(idsOf(batches.failed.keys())).toEqual(['p0', 'p1', 'p10', 'p11', 'p20', 'p21']);
    expect(batches.answered).toHaveLength(24);
  });

  it('halves a batch that is refused, and no batch without permission', async () => {
    const refused = failing('refused', ['p0', 'p1']);
    const forbidden = failing('permission', ['p0', 'p1']);

    await readBatches(refused, REQUEST, partitionsOf(4), options(), () => undefined);
    await readBatches(forbidden, REQUEST, partitionsOf(4), options(), () => undefined);

    expect(refused.asked).toEqual([['p0', 'p1'], ['p0'], ['p1'], ['p2', 'p3']]);
    expect(forbidden.asked).toEqual([
      ['p0', 'p1'],
      ['p2', 'p3'],
    ]);
  });

  it('has no request in flight when it throws, and passes on no answer after that', async () => {
    const handed: string[] = [];
    let answer = (): void => undefined;
    let underway = 0;
    const source: Source = {
      ...sourceOf(() => ({ records: [] })),
      batchSize: 1,
      read: async ({ partitions: [partition], signal }) => {
        underway += 1;
        try {
          if (partition!.id === 'p0') throw new FetchError('credentials', 'wrong key');
          // A provider that does not look at its signal answers all the same.
          await new Promise<void>((resolve) => {
            answer = resolve;
            signal.addEventListener('abort', () => setImmediate(answer), { once: true });
          });
          return { records: [{ time: START, tags: { key: 'p1' }, fields: { requests: 1 } }] };
        } finally {
          underway -= 1;
        }
      },
    };

    const reading = readBatches(source, REQUEST, partitionsOf(2), options([], 2), (_, batch) => {
      handed.push(...idsOf(batch));
    });

    await expect(reading).rejects.toThrow(ProviderDown);
    expect(underway).toBe(0);
    expect(handed).toEqual([]);
  });

  it('finds the partition that raises an unexpected error, and keeps its stack', async () => {
    const source = sourceOf((ids) => {
      if (ids.includes('p2')) throw new RangeError('the sum does not fit');
      return { records: [] };
    });

    const batches = await readBatches(source, REQUEST, partitionsOf(6), options(), () => undefined);

    expect(idsOf(batches.answered)).toEqual(['p0', 'p1', 'p3', 'p4', 'p5']);
    const [[partition, error] = []] = batches.failed;
    expect(partition?.id).toBe('p2');
    expect(error).toMatchObject({ kind: 'unexpected', message: 'the sum does not fit' });
    expect(error?.stack).toMatch(/^RangeError: .*\n +at /);
  });

  it('does not halve a batch at its first server error', async () => {
    const source = failing('unavailable', ['p5'], 8);

    const batches = await readBatches(source, REQUEST, partitionsOf(16), options(), () => undefined);

    expect(source.asked).toHaveLength(2);
    expect(batches.failed.size).toBe(8);
  });

  it('halves a batch that fails with a server error a second time, until the failing partition is isolated', async () => {
    const source = failing('unavailable', ['p5'], 8);
    const before = options(['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7']);

    const batches = await readBatches(source, REQUEST, partitionsOf(16), before, () => undefined);

    expect(idsOf(batches.failed.keys())).toEqual(['p5']);
    expect(batches.answered).toHaveLength(15);
    expect([...before.progress.failed]).toEqual(['p5']);
  });

  it('halves a single batch as well', async () => {
    const source = failing('unavailable', ['p5', 'p9'], 16);
    const before = options(idsOf(partitionsOf(16)));

    const batches = await readBatches(source, REQUEST, partitionsOf(16), before, () => undefined);

    expect(idsOf(batches.failed.keys())).toEqual(['p5', 'p9']);
  });

  it('limits the calls for halving, whatever the number of failing partitions', async () => {
    const culprits = idsOf(partitionsOf(100)).filter((_, i) => i % 5 === 0);
    const source = failing('unavailable', culprits, 100);

    const batches = await readBatches(source, REQUEST, partitionsOf(200), options(culprits), () => undefined);

    expect(source.asked.length).toBeLessThanOrEqual(3 + 24);
    expect(batches.answered.length).toBeGreaterThanOrEqual(100);
  });

  it('makes a few calls at most to a provider that is down, also if everything failed before', async () => {
    const source = failing('unavailable', 'all', 100);
    const before = options(idsOf(partitionsOf(1000)));

    const reading = readBatches(source, REQUEST, partitionsOf(1000), before, () => undefined);

    await expect(reading).rejects.toThrow(ProviderDown);
    expect(source.asked.length).toBeLessThanOrEqual(3 + 3);
  });

  it('reads partitions that failed before last, and does not take them for an outage', async () => {
    const dead = ['p0', 'p1', 'p2', 'p3', 'p4'];
    const source = failing('unavailable', dead, 1);

    const batches = await readBatches(source, REQUEST, partitionsOf(8), options(dead), () => undefined);

    expect(source.asked.map(([id]) => id)).toEqual(['p5', 'p6', 'p7', ...dead]);
    expect(idsOf(batches.failed.keys())).toEqual(dead);
  });

  it('causes no warning about listeners on the signal of its requests', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    const source: Source = {
      ...sourceOf(() => ({ records: [] })),
      read: ({ signal }) => {
        signal.addEventListener('abort', () => undefined);
        return Promise.resolve({ records: [] });
      },
    };

    await readBatches(source, REQUEST, partitionsOf(40), options(), () => undefined);
    await new Promise(setImmediate);

    expect(warnings).toEqual([]);
  });

  it('passes on a cancellation', async () => {
    const reading = readBatches(
      failing('cancelled', ['p2']),
      REQUEST,
      partitionsOf(4),
      options(),
      () => undefined,
    );

    await expect(reading).rejects.toMatchObject({ kind: 'cancelled' });
  });
});

describe('batchesOf', () => {
  it('gives full batches and the rest', () => {
    expect(batchesOf([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(batchesOf([], 2)).toEqual([]);
  });
});
