import { MAX_COUNT } from '../usage/count.ts';
import { seeded } from './random.ts';

/** Faults that a collector recovers from. The last three are specific to some vendors, whose handlers simulate them. */
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

/** Answers that a collector must survive and cannot use, or that are expensive to read. */
export const HOSTILE_FAULTS = [
  /** The vendor's own error for a failure on its side. */
  'internal_error',
  /** Refused with a message that contains `HOSTILE_NAME`. */
  'hostile_message',
  /** A JSON string of 400,000 digits. */
  'long_digits',
  /** A JSON number of 5,000,000 digits. */
  'huge_number',
  /** A body of 65 MB. */
  'too_large',
  /** 100,000 rows more than there are, each with a model of its own. */
  'many_rows',
  /** Two rows of 2^63-1 of one series, more than there are. */
  'overflowing_rows',
  /** One row more than there are, with the count -1. */
  'negative_count',
] as const;

export type Fault = (typeof FAULTS)[number] | (typeof HOSTILE_FAULTS)[number];

/** Escape codes, a line break, bidirectional overrides and the special characters of line protocol. */
export const HOSTILE_NAME =
  '\u001B]0;title\u0007\u001B[2J\u001B[31m\r\nmodel,a=b "c" \u202Eevil\u2066\u0000 back\\';

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

/** A row that a fault adds to an answer. */
export interface FaultyRow {
  readonly model: string;
  readonly count: number | bigint;
}

/** The rows that a fault adds to an answer; none for other faults. */
export function faultyRows(fault: Fault | undefined): readonly FaultyRow[] {
  if (fault === 'negative_count') return [{ model: 'negative', count: -1 }];
  if (fault === 'overflowing_rows') return [1, 2].map(() => ({ model: 'overflowing', count: MAX_COUNT }));
  if (fault !== 'many_rows') return [];
  return Array.from({ length: 100_000 }, (_, i) => ({ model: `model-${i}`, count: 1 }));
}

/** A body that does not depend on the vendor, as JSON text. */
export function hostileBody(fault: Fault | undefined): string | undefined {
  if (fault === 'long_digits') return `{"digits":"${'1'.repeat(400_000)}"}`;
  if (fault === 'huge_number') return `{"number":${'1'.repeat(5_000_000)}}`;
  if (fault === 'too_large') return `{"text":"${'x'.repeat(65 * 1024 * 1024)}"}`;
  return undefined;
}
