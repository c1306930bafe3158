import Table from 'cli-table3';
import { stringify } from 'lossless-json';
import { displayText } from '../lib/display-text.ts';
import { formatError, TokentideError } from '../lib/errors.ts';
import type { Count } from '../usage/count.ts';

/** Exit codes. */
export const EXIT = { fine: 0, failed: 1, wrongUse: 2 } as const;

export interface Column {
  readonly title: string;
  /** `right` for numbers. */
  readonly align?: 'left' | 'right';
}

/** A table with two spaces between columns and no colours, readable by `awk`. Cells pass through `displayText`. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const nothing = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' };
  const table = new Table({
    head: columns.map(({ title }) => title),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    chars: {
      ...nothing,
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
  });
  table.push(...rows.map((row) => row.map(displayText)));
  return `${table.toString().replaceAll(/ +$/gm, '')}\n`;
}

/** `12,345,678`, exact at any size. */
export function formatCount(count: Count): string {
  return count.toLocaleString('en-US');
}

/** Pretty-printed JSON; counts above 2^53 keep all digits. */
export function formatJson(value: unknown): string {
  return `${stringify(value, null, 2)}\n`;
}

/** One line of JSON, for streamed results. */
export function formatJsonLine(value: unknown): string {
  return `${stringify(value)}\n`;
}

/** Writes the message and the hint; the stack of an unexpected error. Returns the exit code. */
export function printError(error: unknown, err: (text: string) => void): number {
  if (error instanceof TokentideError) {
    err(error.kind === 'cancelled' ? 'stopped before completion\n' : `${formatError(error)}\n`);
    return error.exitCode;
  }
  if (error instanceof DOMException) err(`${displayText(error.message)}\n`);
  else if (error instanceof Error)
    err(`${(error.stack ?? error.message).split('\n').map(displayText).join('\n')}\n`);
  else err(`${displayText(String(error))}\n`);
  return EXIT.failed;
}
