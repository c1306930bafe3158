export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Runs each of the named functions once per round, in turn, so that a busy moment of the machine strikes all of
 * them. The first round only warms up. Resolves to milliseconds by name, one per round.
 */
export async function compare(rounds, contenders) {
  const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      globalThis.gc?.();
      const start = performance.now();
      await run();
      if (round > 0) times[name].push(performance.now() - start);
    }
  }
  return times;
}

/** The median over the rounds of how many times faster `fast` was than `slow` in the same round. */
export function ratio(slow, fast) {
  return median(slow.map((time, round) => time / fast[round]));
}
