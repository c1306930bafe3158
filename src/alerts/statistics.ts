/** Order statistics of the first `length` values of an array that may be reordered. */

/** The value with the given rank, from 0. Selection by partition: linear on average. */
export function select(values: Float64Array, length: number, rank: number): number {
  let low = 0;
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

/** The nearest rank; NaN of no values. */
export function quantile(values: Float64Array, length: number, share: number): number {
  if (length === 0) return Number.NaN;
  return select(values, length, Math.min(length - 1, Math.floor(share * length)));
}

export function median(values: Float64Array, length: number): number {
  return quantile(values, length, 0.5);
}
