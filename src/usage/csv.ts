export interface CsvRow {
  /** The line it begins on, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** A cell up to a comma, the end of its line or the end of the text: in quotes (a quote inside doubled), or plain. */
const CELL = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y;

/**
 * The rows of a comma separated file (RFC 4180), with or without a byte order mark, without empty lines.
 * @throws SyntaxError `<file>:<line>: ...` where a quote stands where none may
 */
export function parseCsv(text: string, file: string): CsvRow[] {
  const rows: CsvRow[] = [];
  let line = 1;
  let row = { line, cells: [] as string[] };
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  while (at < text.length) {
    CELL.lastIndex = at;
    const match = CELL.exec(text);
    if (!match) throw new SyntaxError(`${file}:${line}: a quote is not closed, or stands inside a cell`);
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
