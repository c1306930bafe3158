/** The 95th percentile of the hours with usage in a range; 0 if there are fewer than `least`. */
export function activeP95(tokens: Float64Array, from: number, to: number, least = 10): number {
  const active = tokens.slice(Math.max(0, from), to).filter((value) => value > 0);
  return active.length < least ? 0 : quantile(active, 0.95);
}

/** Of at least one value. */
export function quantile(values: Iterable<number>, share: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
