import { FetchError } from './errors.ts';

export function cancelled(action: string): FetchError {
  return new FetchError('cancelled', `${action}: cancelled`);
}

/** The work's result, or a `cancelled` error as soon as the signal fires. */
export function orCancelled<T>(work: Promise<T>, signal: AbortSignal, action: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = (): void => reject(cancelled(action));
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', cancel));
  });
}

/**
 * Runs a task under a signal that fires when the caller's does or the time is up, whichever is first.
 * By hand, because Node 20 keeps what `AbortSignal.any` makes for as long as the caller's signal lives:
 * some 2 KB per request for a daemon's shutdown signal.
 */
export async function withDeadline<T>(
  signal: AbortSignal,
  timeoutMs: number,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(new DOMException('time is up', 'TimeoutError')), timeoutMs);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await task(controller.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
