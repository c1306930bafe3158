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
  return z.transform(async (input: unknown, context): Promise<T[]> => {
    if (!Array.isArray(input)) {
      context.issues.push({ code: 'invalid_type', expected: 'array', input });
      return z.NEVER;
    }
    const parsed: T[] = [];
    for (const [index, value] of input.entries()) {
      // Waits only for rows inside the row: a promise for each row would take longer than its validation.
      // oxlint-disable-next-line no-underscore-dangle -- the entry point of zod for libraries
      const running = row._zod.run({ value, issues: [] }, { async: true });
      const done = running instanceof Promise ? await running : running;
      if (done.issues.length === 0) parsed.push(done.value as T);
      else context.issues.push(...(await faultsOf(row, value)).map((issue) => at(index, issue, value)));
      if (context.issues.length >= MOST_ISSUES) break;
      if (++validated < SLICE) continue;
      validated = 0;
      await new Promise(setImmediate);
    }
    return parsed;
  });
}

async function faultsOf(row: z.ZodType, value: unknown): Promise<readonly z.core.$ZodIssue[]> {
  return (await row.safeParseAsync(value)).error?.issues ?? [];
}

function at(index: number, { path, message }: z.core.$ZodIssue, input: unknown): z.core.$ZodRawIssue {
  return { code: 'custom', path: [index, ...path], message, input };
}
