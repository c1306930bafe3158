export interface CsvRow {
  /** First line of the row, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** One cell with its separator: quoted (inner quotes doubled) or plain. */
const CELL = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y;

/**
 * Parses comma-separated values (RFC 4180) with an optional byte order mark; empty lines are skipped.
 * @throws SyntaxError `<file>:<line>: ...` for a misplaced quote
 */
export function parseCsv(text: string, file: string): CsvRow[] {
  const rows: CsvRow[] = [];
  let line = 1;
  let row = { line, cells: [] as string[] };
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  while (at < text.length) {
    CELL.lastIndex = at;
    const match = CELL.exec(text);
    if (!match)
      throw new SyntaxError(`${file}:${line}: unterminated quote, or quote inside an unquoted cell`);
    const [whole, quoted, plain = '', separator] = match;
    row.cells.push(quoted?.replaceAll('""', '"') ?? plain);
    at += whole.length;
    line += whole.match(/\r\n|\n|\r/g)?.length ?? 0;
    if (separator === ',' && at < text.length) continue;
    if (separator === ',') row.cells.push('');
    rows.push(row);
    row = { line, cells: [] };
  }
  return rows.filter(({ cells }) => cells.some((cell) => cell.trim() !== ''));
}
