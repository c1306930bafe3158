import { seeded } from './random.ts';

/** Faults of a vendor's API. The last three are specific to some vendors, whose handlers simulate them. */
export const FAULTS = [
  'rate_limited',
  'server_error',
  'hang',
  'cut_off',
  'html',
  'error_in_200',
  'expired_token',
  'duplicate_rows',
  'shifting_pages',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Selects the fault of each request. */
export type FaultPlan = (action: string) => Fault | undefined;

export const calm: FaultPlan = () => undefined;

/** A seeded share of requests fails, each with a fault drawn from `faults`. */
export function rough(seed: number, share: number, faults: readonly Fault[] = FAULTS): FaultPlan {
  const random = seeded(seed);
  return () => (random() < share ? faults[Math.floor(random() * faults.length)] : undefined);
}

/** Each fault once, in order, then none. */
export function script(...faults: (Fault | undefined)[]): FaultPlan {
  const left = [...faults];
  return () => left.shift();
}
