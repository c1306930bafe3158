import { FetchError } from '../../fetch/errors.ts';
import { addCounts, type Count } from '../../usage/count.ts';
import type { Page, Row, UsageTotal } from './schema.ts';

/** The vendor's own tools stop after as many. */
export const MAX_PAGES = 100;
/** The first reading and three more. */
const READINGS = 4;

type PageOf<Shape extends Page['shape']> = Extract<Page, { shape: Shape }>;
type NextPage = (page: number) => Promise<Page>;

export interface Complete<T> {
  readonly rows: readonly T[];
  /** Rows that an answer held more than once, beyond the first. */
  readonly duplicates: number;
}

/**
 * All rows behind a first page, each id once. New requests come in at the front and shift the pages while they
 * are read, so the number of ids is held against `total`; where it falls short the pages are read again, from
 * the first, until it does not. @throws FetchError where it never agrees
 */
export async function readRowPages(first: PageOf<'list'>, next: NextPage): Promise<Complete<Row>> {
  const rows = new Map<string, Row>();
  let duplicates = 0;
  let answer = first;
  for (let reading = 1; reading <= READINGS; reading++) {
    if (reading > 1) answer = sameShape(await next(1), 'list');
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
      // Past the last page; or a server that ignores `page`.
      if (ids.size === before) break;
      answer = sameShape(await next(page), 'list');
      moved ||= answer.total !== total;
    }
    // A vendor that holds a request twice counts it twice: everything was seen.
    if (!moved && received === total) return { rows: [...rows.values()], duplicates };
  }
  const counts = `${rows.size} different rows of ${answer.total}`;
  throw new FetchError('unavailable', `usage: the pages disagree: ${counts} after ${READINGS} readings`, {
    hint: 'Nothing of it was used; the window is tried again later.',
  });
}

/**
 * All records behind a first page. They have no id, so they are held against `total_tokens`, which also tells
 * repeated records from several of one model and time. `agrees` is false where a short single page, which
 * cannot be missing any, adds up to something else. @throws FetchError where several pages do not add up
 */
export async function readRecordPages(
  first: PageOf<'records'>,
  next: NextPage,
  pageSize: number,
): Promise<Complete<UsageTotal> & { readonly agrees: boolean }> {
  let answer = first;
  for (let reading = 1; reading <= READINGS; reading++) {
    if (reading > 1) answer = sameShape(await next(1), 'records');
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
    hint: 'Nothing of it was used; the window is tried again later.',
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
