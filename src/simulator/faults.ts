import { seeded } from './random.ts';

/** Ways a vendor's API misbehaves. The last three only make sense to some vendors, whose handlers act them out. */
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

/** Decides, request by request, what goes wrong. */
export type FaultPlan = (action: string) => Fault | undefined;

export const calm: FaultPlan = () => undefined;

/** A seeded share of requests goes wrong, in ways drawn from `faults`. */
export function rough(seed: number, share: number, faults: readonly Fault[] = FAULTS): FaultPlan {
  const random = seeded(seed);
  return () => (random() < share ? faults[Math.floor(random() * faults.length)] : undefined);
}

/** Each fault once, in order, then calm. */
export function script(...faults: (Fault | undefined)[]): FaultPlan {
  const left = [...faults];
  return () => left.shift();
}
