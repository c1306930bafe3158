/**
 * An exact, non-negative count of tokens, requests or images, at most 2^63-1 (what an InfluxDB or SQLite
 * integer holds). A plain number while that is exact, a bigint above 2^53; never a rounded double.
 */
export type Count = number | bigint;

/** The largest integer of both stores. */
export const MAX_COUNT = 2n ** 63n - 1n;

/** Normalises a value: a number if a double holds it exactly, else a bigint. @throws RangeError outside 0 to 2^63-1 */
export function toCount(value: bigint): Count {
  if (value < 0n) throw new RangeError(`a count cannot be negative: ${value}`);
  if (value > MAX_COUNT) throw new RangeError(`a count cannot exceed 2^63-1: ${value}`);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** Exact sum. @throws RangeError above 2^63-1. */
export function addCounts(a: Count, b: Count): Count {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= Number.MAX_SAFE_INTEGER) return sum;
  }
  return toCount(BigInt(a) + BigInt(b));
}

/** Exact difference `a - b`, possibly negative. */
export function subtractCounts(a: Count, b: Count): bigint {
  return BigInt(a) - BigInt(b);
}
