/** A clock that only moves when somebody sleeps: to the earliest sleeper's time, once nothing else is to be done. */
export interface FakeClock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** How long each sleep was asked to be, in order. */
  readonly slept: readonly number[];
  set(ms: number): void;
}

interface Sleeper {
  readonly wake: number;
  readonly resolve: () => void;
}

export function fakeClock(startMs = Date.parse('2026-10-01T00:00:00Z')): FakeClock {
  let time = startMs;
  let sleepers: Sleeper[] = [];
  const slept: number[] = [];

  function wakeNext(): void {
    const next = sleepers.toSorted((a, b) => a.wake - b.wake)[0];
    if (!next) return;
    sleepers = sleepers.filter((sleeper) => sleeper !== next);
    time = Math.max(time, next.wake);
    next.resolve();
  }

  return {
    now: () => time,
    slept,
    set: (ms) => {
      time = ms;
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason as Error);
          return;
        }
        slept.push(ms);
        const sleeper: Sleeper = { wake: time + ms, resolve };
        sleepers.push(sleeper);
        signal?.addEventListener(
          'abort',
          () => {
            sleepers = sleepers.filter((other) => other !== sleeper);
            reject(signal.reason as Error);
          },
          { once: true },
        );
        setImmediate(wakeNext);
      }),
  };
}
