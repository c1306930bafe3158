import { openInfluxStore, type InfluxStore } from '../../src/store/influxdb.ts';
import type { InfluxOptions } from '../../src/store/influxdb/options.ts';
import type { Rejection } from '../../src/store/store.ts';

export interface TestStore {
  readonly store: InfluxStore;
  /** What went to the dead letters. */
  readonly letters: Rejection[];
  /** How long it waited before each further attempt, milliseconds; no time passed. */
  readonly waits: number[];
  /** Everything it logged. */
  readonly log: unknown[];
}

/** A store on a real or scripted server, with everything else in memory. */
export async function openTestStore(
  options: Pick<InfluxOptions, 'url'> & Partial<InfluxOptions>,
): Promise<TestStore> {
  const letters: Rejection[] = [];
  const waits: number[] = [];
  const log: unknown[] = [];
  const store = await openInfluxStore({
    now: Date.now,
    sleep: async (ms) => void waits.push(ms),
    deadLetters: {
      add: (rejections) => void letters.push(...rejections),
      count: () => letters.length,
      discarded: () => 0,
    },
    log: { warn: (details, message) => void log.push(details, message) },
    ...options,
  });
  return { store, letters, waits, log };
}
