import { z } from 'zod';
import { MAX_COUNT, toCount, type Count } from './count.ts';

/**
 * A counter in a provider's answer, given as a number, as a bigint (see `parseJson`) or as a string of digits.
 * Anything else (negative, fractional, above 2^63-1) is an error at the counter's own path.
 */
export const CountField: z.ZodType<Count> = z
  .union(
    [
      z.int().nonnegative(),
      z.bigint().nonnegative().max(MAX_COUNT),
      z
        .string()
        .regex(/^[0-9]{1,19}$/)
        .transform((digits) => BigInt(digits))
        .pipe(z.bigint().max(MAX_COUNT)),
    ],
    { error: 'expected a whole number from 0 to 2^63-1' },
  )
  .transform((value) => toCount(BigInt(value)));
