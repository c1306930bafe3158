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
