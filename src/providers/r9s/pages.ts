import { FetchError } from '../../fetch/errors.ts';
import { addCounts, type Count } from '../../usage/count.ts';
import type { Page, Row, UsageTotal } from './schema.ts';

/** The limit of the vendor's own tools. */
export const MAX_PAGES = 100;
/** The first attempt and three more. */
const ATTEMPTS = 4;

type PageOf<Shape extends Page['shape']> = Extract<Page, { shape: Shape }>;
type NextPage = (page: number) => Promise<Page>;

export interface Complete<T> {
  readonly rows: readonly T[];
  /** Rows that an answer repeated. */
  readonly duplicates: number;
}

/**
 * The rows of all pages, each id once. New requests are inserted at the front and shift the pages during the read,
 * so the number of ids is compared with `total`; if it is too small, the pages are read again from the first.
 * @throws FetchError if the numbers still differ after the last attempt
 */
export async function readRowPages(first: PageOf<'list'>, next: NextPage): Promise<Complete<Row>> {
  const rows = new Map<string, Row>();
  let duplicates = 0;
  let answer = first;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (attempt > 1) answer = sameShape(await next(1), 'list');
    const { total } = answer;
    const ids = new Set<string>();
    let received = 0;
    let moved = false;
    for (let page = 2; ; page++) {
      const before = ids.size;
      for (const row of answer.rows) {
        ids.add(row.id);
        rows.set(row.id, row);
      }
      received += answer.rows.length;
      duplicates += answer.rows.length - (ids.size - before);
      if (rows.size >= answer.total) return { rows: [...rows.values()], duplicates };
      // Past the last page, or the server ignores `page`.
      if (ids.size === before) break;
      answer = sameShape(await next(page), 'list');
      moved ||= answer.total !== total;
    }
    // The vendor stores a request twice and counts it twice: no row is missing.
    if (!moved && received === total) return { rows: [...rows.values()], duplicates };
  }
  const counts = `${rows.size} different rows of ${answer.total}`;
  throw new FetchError('unavailable', `usage: the pages disagree: ${counts} after ${ATTEMPTS} attempts`, {
    hint: 'The answer was discarded; the window will be retried.',
  });
}

/**
 * The records of all pages. They have no id, so their sum is compared with `total_tokens`, which also distinguishes
 * repeated records from several of one model and time. `agrees` is false if a single short page, which cannot be
 * incomplete, has another sum. @throws FetchError if the sum of several pages differs
 */
export async function readRecordPages(
  first: PageOf<'records'>,
  next: NextPage,
  pageSize: number,
): Promise<Complete<UsageTotal> & { readonly agrees: boolean }> {
  let answer = first;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (attempt > 1) answer = sameShape(await next(1), 'records');
    const rows = [...answer.rows];
    let page = 1;
    while (answer.rows.length >= pageSize && sum(rows) < answer.totalTokens && page < MAX_PAGES) {
      answer = sameShape(await next(++page), 'records');
      rows.push(...answer.rows);
    }
    if (sum(rows) === answer.totalTokens) return { rows, duplicates: 0, agrees: true };
    const distinct = [...new Map(rows.map((row) => [identity(row), row])).values()];
    const duplicates = rows.length - distinct.length;
    if (sum(distinct) === answer.totalTokens) return { rows: distinct, duplicates, agrees: true };
    if (page === 1 && rows.length < pageSize) return { rows, duplicates: 0, agrees: false };
  }
  const { totalTokens } = answer;
  throw new FetchError('unavailable', `usage: the records do not add up to total_tokens ${totalTokens}`, {
    hint: 'The answer was discarded; the window will be retried.',
  });
}

function sum(rows: readonly UsageTotal[]): Count {
  return rows.reduce<Count>((total, row) => addCounts(total, row.tokens), 0);
}

function identity(row: UsageTotal): string {
  return `${row.timestamp}/${row.tokens}/${row.model ?? ''}`;
}

function sameShape<Shape extends Page['shape']>(page: Page, shape: Shape): PageOf<Shape> {
  if (page.shape === shape) return page as PageOf<Shape>;
  throw new FetchError(
    'invalid_response',
    `usage: data: expected \`${shape}\` on every page, got \`${page.shape}\``,
  );
}
