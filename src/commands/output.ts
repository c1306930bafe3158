import Table from 'cli-table3';
import { stringify } from 'lossless-json';
import { ProviderDown } from '../collect/poll/batches.ts';
import { JobChanged } from '../collect/jobs/identity.ts';
import { ConfigError, formatIssue } from '../config/errors.ts';
import { FetchError } from '../fetch/errors.ts';
import { LedgerError } from '../ledger/database.ts';
import { StoreError } from '../store/store.ts';
import type { Count } from '../usage/count.ts';

/** Exit codes. */
export const EXIT = { fine: 0, failed: 1, wrongUse: 2 } as const;

export interface Column {
  readonly title: string;
  /** `right` for numbers. */
  readonly align?: 'left' | 'right';
}

/** A table with two spaces between columns and no colours, readable by `awk`. */
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
  table.push(...rows.map((row) => [...row]));
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

/** Writes the message and the hint. Returns the exit code. */
export function printError(error: unknown, err: (text: string) => void): number {
  if (error instanceof ConfigError) {
    err(`${error.message}\n`);
    return EXIT.wrongUse;
  }
  if (error instanceof ProviderDown) return printError(error.error, err);
  if (error instanceof FetchError && error.kind === 'cancelled') {
    err('stopped before completion\n');
    return EXIT.failed;
  }
  const known = KNOWN.find(({ kind }) => error instanceof kind);
  if (!known || !(error instanceof Error)) {
    err(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT.failed;
  }
  const hint = 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined;
  err(`${formatIssue({ message: error.message, hint })}\n`);
  return known.exit;
}

/** Expected errors: printed without a stack. */
const KNOWN = [
  { kind: StoreError, exit: EXIT.wrongUse },
  { kind: LedgerError, exit: EXIT.wrongUse },
  { kind: JobChanged, exit: EXIT.wrongUse },
  { kind: FetchError, exit: EXIT.failed },
  { kind: DOMException, exit: EXIT.failed },
] as const;
