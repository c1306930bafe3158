import Table from 'cli-table3';
import { stringify } from 'lossless-json';
import { ProviderDown } from '../collect/poll/batches.ts';
import { JobChanged } from '../collect/jobs/identity.ts';
import { ConfigError, formatIssue } from '../config/errors.ts';
import { FetchError } from '../fetch/errors.ts';
import { LedgerError } from '../ledger/database.ts';
import { StoreError } from '../store/store.ts';
import type { Count } from '../usage/count.ts';

/** What the process ends with. */
export const EXIT = { fine: 0, failed: 1, wrongUse: 2 } as const;

export interface Column {
  readonly title: string;
  /** Numbers stand right. */
  readonly align?: 'left' | 'right';
}

/** Rows under their titles, columns apart by two spaces, no colours: fit for a terminal, a mail and `awk`. */
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

/** JSON for machines; counts above 2^53 stay exact digits. */
export function formatJson(value: unknown): string {
  return `${stringify(value, null, 2)}\n`;
}

/** One line of JSON, for results that come one by one. */
export function formatJsonLine(value: unknown): string {
  return `${stringify(value)}\n`;
}

/** Writes what went wrong and what to do about it. Returns the exit code. */
export function printError(error: unknown, err: (text: string) => void): number {
  if (error instanceof ConfigError) {
    err(`${error.message}\n`);
    return EXIT.wrongUse;
  }
  if (error instanceof ProviderDown) return printError(error.error, err);
  if (error instanceof FetchError && error.kind === 'cancelled') {
    err('stopped before the end\n');
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

/** Errors that are no fault of this program: their message says it all, and `hint` what to do. */
const KNOWN = [
  { kind: StoreError, exit: EXIT.wrongUse },
  { kind: LedgerError, exit: EXIT.wrongUse },
  { kind: JobChanged, exit: EXIT.wrongUse },
  { kind: FetchError, exit: EXIT.failed },
  { kind: DOMException, exit: EXIT.failed },
] as const;
