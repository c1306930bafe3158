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

/** Exact sum of integers; doubles are added as doubles. @throws RangeError outside int64 */
export function addCounts(a: Count, b: Count): Count {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Math.abs(sum) <= Number.MAX_SAFE_INTEGER || !Number.isInteger(a) || !Number.isInteger(b)) return sum;
  }
  return toInteger(BigInt(a) + BigInt(b));
}

const MIN_INTEGER = -(2n ** 63n);

/** Normalises a signed value: a number if a double holds it exactly, else a bigint. @throws RangeError outside int64 */
export function toInteger(value: bigint): Count {
  if (value < MIN_INTEGER || value > MAX_COUNT)
    throw new RangeError(`an integer cannot exceed 2^63-1: ${value}`);
  const safe = BigInt(Number.MAX_SAFE_INTEGER);
  return value >= -safe && value <= safe ? Number(value) : value;
}

/** Exact difference `a - b`, possibly negative. */
export function subtractCounts(a: Count, b: Count): bigint {
  return BigInt(a) - BigInt(b);
}
