import type { Random } from '../../../src/simulator/random.ts';

export function uniform(random: Random, low: number, high: number): number {
  return low + random() * (high - low);
}

/** Evenly spread over orders of magnitude. */
export function logUniform(random: Random, low: number, high: number): number {
  return low * (high / low) ** random();
}

/** A factor around 1 whose logarithm has the given standard deviation. */
export function noise(random: Random, deviation: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return Math.exp(deviation * radius * Math.cos(2 * Math.PI * random()));
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)]!;
}
