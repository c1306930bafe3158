/** Order statistics of the first `length` values of an array that may be reordered. */

/**
 * The value with the given rank, from 0. Selection by partition: linear on average.
 *
 * @param from a lower rank that was selected before: what is below it is left as it is
 */
function select(values: Float64Array, length: number, rank: number, from: number): number {
  let low = from;
  let high = length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1]!;
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i <= j) {
        const swapped = values[i]!;
        values[i++] = values[j]!;
        values[j--] = swapped;
      }
    }
    if (rank <= j) high = j;
    else if (rank >= i) low = i;
    else break;
  }
  return values[rank]!;
}

/**
 * The nearest rank; NaN of no values.
 *
 * @param known a lower share whose quantile was taken of the same values just before
 */
export function quantile(values: Float64Array, length: number, share: number, known = 0): number {
  if (length === 0) return Number.NaN;
  const rank = (of: number): number => Math.min(length - 1, Math.floor(of * length));
  return select(values, length, rank(share), known > 0 ? rank(known) : 0);
}

export function median(values: Float64Array, length: number): number {
  return quantile(values, length, 0.5);
}
