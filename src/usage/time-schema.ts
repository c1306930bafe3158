import { z } from 'zod';

/** Unix seconds stay below this until the year 5138, milliseconds have been above it since 1973. */
const FIRST_MILLISECONDS = 100_000_000_000;
const ISO = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/;

/**
 * A time in a provider's answer, as Unix seconds. Accepts Unix seconds or milliseconds (a number or a string of digits,
 * distinguished by size) and ISO 8601 text, which is UTC if it has no offset. One function, as `CountField`.
 */
export const TimeField: z.ZodType<number> = z.transform((value: unknown, context) => {
  const time = timeOf(value);
  // NaN for a date that does not exist.
  if (Number.isSafeInteger(time)) return time!;
  const message = 'expected a time: Unix seconds, Unix milliseconds or ISO 8601 text';
  context.issues.push({ code: 'custom', message, input: value });
  return z.NEVER;
});

function timeOf(value: unknown): number | undefined {
  if (typeof value === 'number')
    return value >= 0 && Number.isInteger(value) ? unixSeconds(value) : undefined;
  if (typeof value !== 'string') return undefined;
  if (/^[0-9]{1,15}$/.test(value)) return unixSeconds(Number(value));
  return ISO.test(value) ? isoSeconds(value) : undefined;
}

function unixSeconds(value: number): number {
  return value >= FIRST_MILLISECONDS ? Math.floor(value / 1000) : value;
}

function isoSeconds(text: string): number {
  const offset = ISO.exec(text)?.[1];
  return Math.floor(Date.parse(`${text.replace(' ', 'T')}${offset === undefined ? 'Z' : ''}`) / 1000);
}
