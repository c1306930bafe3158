import { z } from 'zod';

/**
 * A schema for what an answer holds ten thousands of: `read` takes what is as it should be, without an object per
 * value on the way; whatever it does not take is left to `schema`, which says what is wrong with it.
 */
export function quickly<T>(read: (value: unknown) => T | undefined, schema: z.ZodType<T>): z.ZodType<T> {
  return z.transform((value: unknown, context): T => {
    const quick = read(value);
    if (quick !== undefined) return quick;
    const { data, error } = schema.safeParse(value);
    if (data !== undefined) return data;
    for (const { message, path } of error?.issues ?? []) {
      context.issues.push({ code: 'custom', message, path, input: undefined });
    }
    return z.NEVER;
  });
}
