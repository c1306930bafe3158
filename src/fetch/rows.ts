import { z } from 'zod';

/** Elements validated per turn of the event loop: some milliseconds. */
export const SLICE = 1_000;
/** Number of issues after which the rest of an array is not validated. */
const MOST_FAULTS = 20;

/**
 * Like `z.array(row)`, but validated in slices, so that a large answer does not block the event loop. The schema must
 * be parsed asynchronously, as `Http.call` does.
 */
export function rows<T>(row: z.ZodType<T>): z.ZodType<T[]> {
  return z.transform(async (input: unknown, context): Promise<T[]> => {
    if (!Array.isArray(input)) {
      context.issues.push({ code: 'invalid_type', expected: 'array', input });
      return z.NEVER;
    }
    const parsed: T[] = [];
    for (let start = 0; start < input.length && context.issues.length < MOST_FAULTS; start += SLICE) {
      if (start > 0) await new Promise(setImmediate);
      for (const [index, value] of input.slice(start, start + SLICE).entries()) {
        const result = await row.safeParseAsync(value);
        if (result.success) parsed.push(result.data);
        else context.issues.push(...result.error.issues.map((issue) => at(start + index, issue, value)));
      }
    }
    return parsed;
  });
}

function at(index: number, { path, message }: z.core.$ZodIssue, input: unknown): z.core.$ZodRawIssue {
  return { code: 'custom', path: [index, ...path], message, input };
}
