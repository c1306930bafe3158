import { z } from 'zod';

/** Unix seconds stay below this until the year 5138, milliseconds have been above it since 1973. */
const FIRST_MILLISECONDS = 100_000_000_000;
const ISO = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/;

/**
 * A moment in a provider's answer, as Unix seconds: given as Unix seconds or milliseconds (a number or a string
 * of digits, told apart by size), or as ISO 8601 text, which without an offset is UTC.
 */
export const TimeField: z.ZodType<number> = z.union(
  [
    z.int().nonnegative().transform(unixSeconds),
    z
      .string()
      .regex(/^[0-9]{1,15}$/)
      .transform((digits) => unixSeconds(Number(digits))),
    z.string().regex(ISO).transform(isoSeconds).pipe(z.number()),
  ],
  { error: 'expected a time: Unix seconds, Unix milliseconds or ISO 8601 text' },
);

function unixSeconds(value: number): number {
  return value >= FIRST_MILLISECONDS ? Math.floor(value / 1000) : value;
}

function isoSeconds(text: string): number {
  const offset = ISO.exec(text)?.[1];
  return Math.floor(Date.parse(`${text.replace(' ', 'T')}${offset === undefined ? 'Z' : ''}`) / 1000);
}
