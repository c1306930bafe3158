import { FetchError } from '../../fetch/errors.ts';
import { addCounts, type Count } from '../../usage/count.ts';
import { paginate } from '../paginate.ts';
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
  const items = new Map<string, Row>();
  let duplicates = 0;
  let total = 0;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const { pages, rows, repeated } = await paginate({
      action: 'usage',
      first: attempt === 1 ? first : undefined,
      read: async (page) => sameShape(await next(page), 'list'),
      itemsOf: (page) => page.rows,
      keyOf: ({ id }) => id,
      isLast: (page, listing) => listing.items.size >= page.total,
      items,
    });
    duplicates += repeated;
    total = pages.at(-1)!.total;
    const isStable = pages.every((page) => page.total === total);
    // If the vendor stores a request twice, it counts it twice: no row is missing.
    if (items.size >= total || (isStable && rows.length === total)) {
      return { rows: [...items.values()], duplicates };
    }
  }
  const counts = `${items.size} different rows of ${total}`;
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
  let totalTokens: Count = 0;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const { pages, rows, items, repeated } = await paginate({
      action: 'usage',
      first: attempt === 1 ? first : undefined,
      read: async (page) => sameShape(await next(page), 'records'),
      itemsOf: (page) => page.rows,
      keyOf: identity,
      isLast: (page, listing) => page.rows.length < pageSize || sum(listing.rows) >= page.totalTokens,
    });
    ({ totalTokens } = pages.at(-1)!);
    if (sum(rows) === totalTokens) return { rows, duplicates: 0, agrees: true };
    const distinct = [...items.values()];
    if (sum(distinct) === totalTokens) return { rows: distinct, duplicates: repeated, agrees: true };
    if (pages.length === 1 && rows.length < pageSize) return { rows, duplicates: 0, agrees: false };
  }
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
