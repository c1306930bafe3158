import { Worker } from 'node:worker_threads';
import { workerUrl } from '../../lib/worker-url.ts';
import type { Catalogue } from '../../usage/catalogue.ts';
import type { SeriesQuery, SeriesRow } from '../series-query.ts';
import { StoreError } from '../store.ts';
import type { QueryWorkerData, WorkerAnswer, WorkerQuery } from './query-worker.ts';
import type { SeriesReader } from './series-reader.ts';

/** Somebody waits for the answer. */
const LONGEST_MS = 30_000;

interface Waiting {
  readonly resolve: (rows: SeriesRow[]) => void;
  readonly reject: (error: Error) => void;
}

/** Answers series queries in a worker, one after the other, so that no query delays a poll. */
export function startSeriesWorker(
  path: string,
  catalogue: Catalogue,
  longestMs: number = LONGEST_MS,
): SeriesReader {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let last = 0;

  function start(): Worker {
    const started = new Worker(workerUrl('query-worker'), {
      workerData: { path, catalogue } satisfies QueryWorkerData,
    });
    started.on('message', (answer: WorkerAnswer) => answerQuery(answer));
    started.on('error', (error) => stopped(started, error));
    started.on('exit', () => stopped(started, new Error('the query worker has stopped')));
    return started;
  }

  function answerQuery(answer: WorkerAnswer): void {
    const query = waiting.get(answer.id);
    waiting.delete(answer.id);
    // An idle worker does not keep the process alive.
    if (waiting.size === 0) worker?.unref();
    if ('rows' in answer) return query?.resolve(answer.rows);
    const { kind, message, hint } = answer.error;
    query?.reject(kind ? new StoreError(kind, message, hint ? { hint } : {}) : new Error(message));
  }

  function stopped(which: Worker, cause: Error): void {
    if (worker !== which) return;
    worker = undefined;
    for (const { reject } of waiting.values()) {
      reject(new StoreError('unavailable', `the query was interrupted: ${cause.message}`, { cause }));
    }
    waiting.clear();
  }

  return {
    read: (query: SeriesQuery) =>
      new Promise((resolve, reject) => {
        const id = ++last;
        waiting.set(id, { resolve, reject });
        worker ??= start();
        worker.ref();
        const deadline = performance.timeOrigin + performance.now() + longestMs;
        worker.postMessage({ id, query, deadline } satisfies WorkerQuery);
      }),
    close: async () => {
      await worker?.terminate();
    },
  };
}
