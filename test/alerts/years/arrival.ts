import { seededBy } from '../../../src/simulator/random.ts';
import { HOUR, MINUTE } from '../../../src/windows/units.ts';
import { uniform } from './random.ts';

/** After that age an hour does not change. */
export const FINAL_AFTER = 48 * HOUR;
/** Usage shows up that long after it happened. */
export const LAG = 10 * MINUTE;

/** Which share of an hour's usage a provider reports, by the time since its start. */
export type Arrival = (age: number) => number;

/**
 * Most hours are complete soon after they end. Of others a part comes late, or they are corrected downwards: in steps,
 * since providers process in batches.
 */
export function arrivalOf(account: string, hour: number): Arrival {
  const random = seededBy('arrival', account, hour);
  const draw = random();
  if (draw < 0.8) return (age) => inTime(age, 1);
  // An extra share of 0.03 is a double count that is removed later.
  const first = draw < 0.95 ? uniform(random, 0.85, 0.98) : draw < 0.98 ? uniform(random, 0.4, 0.8) : 1.03;
  const final = Math.ceil(uniform(random, 2, draw < 0.95 ? 6 : 40)) * HOUR;
  return (age) => (age >= final ? 1 : inTime(age, first));
}

function inTime(age: number, share: number): number {
  return share * Math.min(1, Math.max(0, (age - LAG) / HOUR));
}
