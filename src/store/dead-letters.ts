import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { toLine } from '../usage/line-protocol.ts';
import type { Point } from '../usage/point.ts';
import { StoreError, type Rejection } from './store.ts';

/** Points that a store rejected permanently, each with the reason. */
export interface DeadLetters {
  /** On disk when it returns. @throws StoreError of kind `unavailable` when the file cannot be written */
  add(rejections: readonly Rejection[]): void;
  /** Number of points in the files. */
  count(): number;
  /** Number of points removed so far, oldest first, because the files were full. */
  discarded(): number;
}

/** One line of the file, as JSON. */
export interface DeadLetter {
  /** When it was rejected, ISO 8601. */
  readonly at: string;
  readonly reason: string;
  /** The point in line protocol; if that is impossible, `point` has its JSON with counts as text. */
  readonly line?: string;
  readonly point?: unknown;
  /** In the first line of a file: how many older points are in no file any more. */
  readonly discarded?: number;
}

export interface DeadLetterOptions {
  /** A file in the data folder. A second file has the suffix `.old`. */
  readonly path: string;
  /** Maximum size of both files together; 32 MB by default. */
  readonly maxBytes?: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Opens the file, which need not exist. When it reaches half of `maxBytes` it replaces the `.old` file, whose points
 * are discarded and counted.
 * @throws StoreError of kind `config` when the file cannot be read or written
 */
export function openDeadLetters({ path, maxBytes = 32 * 1024 * 1024, now }: DeadLetterOptions): DeadLetters {
  const oldPath = `${path}.old`;
  const [before, after] = attempt('config', path, () => [lettersOf(oldPath), lettersOf(path)] as const);
  let current = after.length;
  let old = before.length;
  let discarded = after[0]?.discarded ?? before[0]?.discarded ?? 0;

  function append(text: string, letters: number): void {
    const file = openSync(path, 'a+', 0o600);
    try {
      const { size } = fstatSync(file);
      try {
        writeSync(file, endsInNewline(file, size) ? text : `\n${text}`);
        fsyncSync(file);
      } catch (error) {
        // An incomplete line would be a corrupt entry; the caller keeps the points.
        ftruncateSync(file, size);
        throw error;
      }
    } finally {
      closeSync(file);
    }
    current += letters;
  }

  function makeRoom(bytes: number): void {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size === 0 || size + bytes <= maxBytes / 2) return;
    renameSync(path, oldPath);
    discarded += old;
    old = current;
    current = 0;
  }

  return {
    add(rejections) {
      if (rejections.length === 0) return;
      const at = new Date(now()).toISOString();
      const letters = rejections.map((rejection) => letterOf(rejection, at));
      attempt('unavailable', path, () => {
        makeRoom(Buffer.byteLength(toText(letters)));
        const [first, ...rest] = letters;
        const isNoted = current === 0 && discarded > 0;
        append(toText(isNoted ? [{ ...first!, discarded }, ...rest] : letters), letters.length);
      });
    },
    count: () => current + old,
    discarded: () => discarded,
  };
}

function toText(letters: readonly DeadLetter[]): string {
  return letters.map((letter) => `${JSON.stringify(letter)}\n`).join('');
}

function letterOf({ point, reason }: Rejection, at: string): DeadLetter {
  try {
    return { at, reason, line: toLine(point) };
  } catch {
    return { at, reason, point: plain(point) };
  }
}

function plain({ fields, ...point }: Point): unknown {
  const counts = Object.entries(fields).map(([field, value]) => [field, String(value)]);
  return { ...point, fields: Object.fromEntries(counts) };
}

function parseLetter(line: string): DeadLetter[] {
  try {
    return [JSON.parse(line) as DeadLetter];
  } catch {
    return [];
  }
}

/** False after a power failure during a write. */
function endsInNewline(file: number, size: number): boolean {
  if (size === 0) return true;
  const last = Buffer.alloc(1);
  readSync(file, last, 0, 1, size - 1);
  return last.toString() === '\n';
}

function lettersOf(path: string): DeadLetter[] {
  return linesOf(path).flatMap(parseLetter);
}

function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
}

function attempt<T>(kind: 'config' | 'unavailable', path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError(kind, `the file of rejected points ${path} cannot be used: ${message}`, {
      hint: 'the data folder must be writable and have free space',
      cause,
    });
  }
}
