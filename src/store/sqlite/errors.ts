import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { StoreError, type StoreErrorKind } from '../store.ts';

interface Explanation {
  readonly kind: StoreErrorKind;
  readonly what: string;
  readonly hint: string;
}

const UNREACHABLE: Explanation = {
  kind: 'config',
  what: 'cannot be opened for writing',
  hint: 'Make the file and its folder writable for this user, or name another file.',
};

const FULL: Explanation = {
  kind: 'unavailable',
  what: 'cannot grow: the disk is full',
  hint: 'Free some space; unwritten points are kept and retried.',
};

const BUSY: Explanation = {
  kind: 'unavailable',
  what: 'is locked by another process',
  hint: 'The write is retried; stop the other process if this persists.',
};

/** By primary result code: https://www.sqlite.org/rescode.html */
const EXPLANATIONS: ReadonlyMap<string, Explanation> = new Map([
  ['CANTOPEN', UNREACHABLE],
  ['READONLY', UNREACHABLE],
  ['PERM', UNREACHABLE],
  [
    'NOTADB',
    {
      kind: 'config',
      what: 'is not a SQLite database',
      hint: 'Name another file, or move this one away.',
    },
  ],
  [
    'CORRUPT',
    {
      kind: 'config',
      what: 'is damaged',
      hint: 'Restore it from a copy, or move it away: with a new data folder everything since `start` is read again.',
    },
  ],
  [
    'ERROR',
    { kind: 'config', what: 'reported an SQL error', hint: 'If the file was changed by hand, move it away.' },
  ],
  ['FULL', FULL],
  ['BUSY', BUSY],
]);

/** SQLite raises an error instead of wrapping around. */
const TOO_LARGE: Explanation = {
  kind: 'config',
  what: 'holds a sum above 2^63-1',
  hint: 'Query a shorter range, or group by more tags.',
};

const OTHER: Explanation = {
  kind: 'unavailable',
  what: 'cannot be used',
  hint: 'Check the disk and the system log; unwritten points are kept and retried.',
};

/**
 * Explains an error of SQLite or of the file system; any other error is returned unchanged.
 * @param freeBytes of the file system that holds a folder
 */
export function storeError(error: unknown, path: string, freeBytes = freeBytesOf): unknown {
  if (!(error instanceof Error) || error instanceof StoreError) return error;
  const explanation = explanationOf(error, path, freeBytes);
  if (!explanation) return error;
  const { kind, what, hint } = explanation;
  // SQLite's own words for these two repeat the explanation, or contradict it: "disk I/O error" on a full disk.
  const detail = explanation === FULL || explanation === BUSY ? '' : `: ${error.message}`;
  return new StoreError(kind, `the SQLite file ${path} ${what}${detail}`, { hint, cause: error });
}

function explanationOf(
  error: Error,
  path: string,
  freeBytes: (folder: string) => number,
): Explanation | undefined {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (error.message === 'integer overflow') return TOO_LARGE;
  if (code === 'ENOSPC') return FULL;
  // libsql sets no code if the connection fails; Node sets a system call if the file or its folder cannot be made.
  const unreachable = syscall !== undefined || error.message.startsWith('ConnectionFailed');
  const result = /^SQLITE_([A-Z]+)/.exec(code ?? '')?.[1];
  if (!unreachable && result === undefined) return undefined;
  const explanation = unreachable ? UNREACHABLE : (EXPLANATIONS.get(result!) ?? OTHER);
  // On a full disk SQLite may report "disk I/O error" or "unable to open database file" instead.
  const vague = explanation === OTHER || explanation === UNREACHABLE;
  return vague && freeBytes(dirname(path)) === 0 ? FULL : explanation;
}

function freeBytesOf(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}
