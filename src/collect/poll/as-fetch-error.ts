import { FetchError } from '../../fetch/errors.ts';

/**
 * An error of a read as a `FetchError`. One that no code expects, such as a sum that does not fit its field, gets the
 * kind `unexpected` and keeps its stack.
 */
export function asFetchError(error: unknown): FetchError {
  if (error instanceof FetchError) return error;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const unexpected = new FetchError('unexpected', message, {
    hint: 'The window is tried again later. If it fails again, report it with the log of the collector.',
    cause: error,
  });
  if (stack !== undefined) unexpected.stack = stack;
  return unexpected;
}
