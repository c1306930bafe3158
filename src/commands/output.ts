import { createRequire } from 'node:module';
import type CliTable from 'cli-table3';
import { stringify } from 'lossless-json';
import { formatIssue, type Diagnostic } from '../config/errors.ts';
import type { DropReason } from '../providers/provider.ts';
import { displayText } from '../lib/display-text.ts';
import { formatError, TokentideError } from '../lib/errors.ts';
import { EXIT } from './exit.ts';
import type { Count } from '../usage/count.ts';
import { wallTime } from '../windows/calendar.ts';
import type { Window } from '../windows/window.ts';

export { EXIT };

export interface Column {
  readonly title: string;
  /** `right` for numbers. */
  readonly align?: 'left' | 'right';
}

/** A table with two spaces between columns and no colours, readable by `awk`. Cells pass through `displayText`. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const nothing = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' };
  // Loaded with the first table: the daemon prints none.
  const Table = createRequire(import.meta.url)('cli-table3') as typeof CliTable;
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

/** Characters that change how a terminal shows the text around them. JSON may hold them, but does not need to. */
const UNSAFE = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

function escapeUnsafe(json: string): string {
  return json.replaceAll(UNSAFE, (text) =>
    text
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** Pretty-printed JSON; counts above 2^53 keep all digits. Control characters are escaped. */
export function formatJson(value: unknown): string {
  return `${escapeUnsafe(stringify(value, null, 2) ?? '')}\n`;
}

/** One line of JSON, for streamed results. Control characters are escaped. */
export function formatJsonLine(value: unknown): string {
  return `${escapeUnsafe(stringify(value) ?? '')}\n`;
}

/** `2026-11-24 08:00-09:00 UTC`, or both dates where they differ. */
export function formatWindow({ start, end }: Window, zone: string): string {
  const [from, to] = [wallTime(start, zone), wallTime(end, zone)];
  const [date, time] = to.split(' ');
  return from.startsWith(`${date} `) ? `${from}-${time} ${zone}` : `${from} to ${to} ${zone}`;
}

/** `12 outside_window, 3 duplicate` */
export function formatDropped(dropped: Readonly<Partial<Record<DropReason, number>>>): string {
  return Object.entries(dropped)
    .map(([reason, rows]) => `${formatCount(rows)} ${reason}`)
    .join(', ');
}

/** Prints configuration errors. True if there are none. */
export function printIssues(issues: readonly Diagnostic[], err: (text: string) => void): boolean {
  for (const issue of issues) err(`${formatIssue(issue)}\n`);
  return issues.length === 0;
}

/** Not a bug: message and hint say everything. */
function isExpected(error: unknown): error is TokentideError {
  return error instanceof TokentideError && error.kind !== 'unexpected';
}

/** An error of one job, for a table or a report: kind and message, or the stack of an unexpected one. */
export function explainError(error: unknown): { readonly error: string; readonly hint?: string } {
  if (!(error instanceof Error)) return { error: String(error) };
  if (!isExpected(error)) return { error: error.stack ?? error.message };
  return { error: `${error.kind}: ${error.message}`, ...(error.hint !== undefined && { hint: error.hint }) };
}

/** Writes the error of one job: `trae: credentials: ...` */
export function printJobError(job: string, error: unknown, err: (text: string) => void): void {
  const { error: message, hint } = explainError(error);
  err(`${formatError({ message: `${job}: ${message}`, hint })}\n`);
}

/** Writes the message and the hint; the stack of an unexpected error. Returns the exit code. */
export function printError(error: unknown, err: (text: string) => void): number {
  if (isExpected(error)) {
    err(error.kind === 'cancelled' ? 'stopped before completion\n' : `${formatError(error)}\n`);
    return error.exitCode;
  }
  if (error instanceof DOMException) err(`${displayText(error.message)}\n`);
  else if (error instanceof Error)
    err(`${(error.stack ?? error.message).split('\n').map(displayText).join('\n')}\n`);
  else err(`${displayText(String(error))}\n`);
  return EXIT.failed;
}
