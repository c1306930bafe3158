import { parentPort, workerData } from 'node:worker_threads';
import type { Catalogue } from '../../usage/catalogue.ts';
import type { SeriesQuery, SeriesRow } from '../series-query.ts';
import { StoreError, type StoreErrorKind } from '../store.ts';
import { openSqliteFile } from './database.ts';
import { createSeriesReader } from './series-reader.ts';

export interface QueryWorkerData {
  readonly path: string;
  readonly catalogue: Catalogue;
}

export interface WorkerQuery {
  readonly id: number;
  readonly query: SeriesQuery;
  /** When nobody waits any more, milliseconds since the epoch. */
  readonly deadline: number;
}

export type WorkerAnswer =
  | { readonly id: number; readonly rows: SeriesRow[] }
  | {
      readonly id: number;
      readonly error: {
        readonly kind: StoreErrorKind | undefined;
        readonly message: string;
        readonly hint?: string;
      };
    };

const { path, catalogue } = workerData as QueryWorkerData;
let deadline = Infinity;
const reader = createSeriesReader(
  openSqliteFile(path, { readOnly: true }),
  catalogue,
  () => performance.timeOrigin + performance.now() > deadline,
);

parentPort!.on('message', (message: WorkerQuery) => void answer(message));

async function answer({ id, query, deadline: until }: WorkerQuery): Promise<void> {
  deadline = until;
  try {
    parentPort!.postMessage({ id, rows: await reader.read(query) } satisfies WorkerAnswer);
  } catch (error) {
    parentPort!.postMessage({ id, error: plain(error) } satisfies WorkerAnswer);
  }
}

/** A structured clone keeps neither the class nor the fields of an error. */
function plain(error: unknown): Extract<WorkerAnswer, { error: unknown }>['error'] {
  if (!(error instanceof StoreError)) return { kind: undefined, message: String(error) };
  return { kind: error.kind, message: error.message, ...(error.hint && { hint: error.hint }) };
}
