import { z } from 'zod';

/** Elements validated per turn of the event loop: some milliseconds. */
export const SLICE = 1_000;
/** Number of issues after which the rest of an array is not validated. */
const MOST_ISSUES = 20;

/** Elements since the last turn, of all arrays: an answer may also have many short ones. */
let validated = 0;

/**
 * Like `z.array(row)`, but validated in slices, so that a large answer does not block the event loop. The schema must
 * be parsed asynchronously, as `Http.call` does.
 */
export function rows<T>(row: z.ZodType<T>): z.ZodType<T[]> {
  const parseRow = rowParser(row);
  return z.transform(async (input: unknown, context): Promise<T[]> => {
    if (!Array.isArray(input)) {
      context.issues.push({ code: 'invalid_type', expected: 'array', input });
      return z.NEVER;
    }
    const parsed: T[] = [];
    for (const [index, value] of input.entries()) {
      const parsing = parseRow(value);
      const result = parsing instanceof Promise ? await parsing : parsing;
      if (result.success) parsed.push(result.data);
      else context.issues.push(...result.error.issues.map((issue) => at(index, issue, value)));
      if (context.issues.length >= MOST_ISSUES) break;
      if (++validated < SLICE) continue;
      validated = 0;
      await new Promise(setImmediate);
    }
    return parsed;
  });
}

/** Synchronous, which is several times as fast, unless the row has `rows` of its own. */
function rowParser<T>(
  row: z.ZodType<T>,
): (value: unknown) => z.ZodSafeParseResult<T> | Promise<z.ZodSafeParseResult<T>> {
  let isAsync = false;
  return (value) => {
    try {
      if (!isAsync) return row.safeParse(value);
    } catch (error) {
      if (!(error instanceof z.core.$ZodAsyncError)) throw error;
      isAsync = true;
    }
    return row.safeParseAsync(value);
  };
}

function at(index: number, { path, message }: z.core.$ZodIssue, input: unknown): z.core.$ZodRawIssue {
  return { code: 'custom', path: [index, ...path], message, input };
}
