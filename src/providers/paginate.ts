import { FetchError } from '../fetch/errors.ts';

const MAX_PAGES = 1000;

export interface PageOptions<Page, Item> {
  /** Names the request in errors. */
  readonly action: string;
  /** Requests a page, from 1. */
  readonly read: (page: number) => Promise<Page>;
  /** The first page, if it was already requested. */
  readonly first?: Page | undefined;
  readonly itemsOf: (page: Page) => readonly Item[];
  /** Identifies an item. `index` is its position among all rows. */
  readonly keyOf: (item: Item, index: number) => string;
  /** Whether the list ends with this page, by what the vendor documents. */
  readonly isLast: (page: Page, listing: Listing<Page, Item>) => boolean;
  /** Items of an earlier attempt, to which this one adds. */
  readonly items?: Map<string, Item>;
}

export interface Listing<Page, Item> {
  readonly pages: readonly Page[];
  /** All rows, including repeated ones. */
  readonly rows: readonly Item[];
  /** Each item once, by its key. The last occurrence applies. */
  readonly items: ReadonlyMap<string, Item>;
  /** The number of rows whose key occurred before. */
  readonly repeated: number;
}

/**
 * Reads a list page by page. Also ends at a page without new items: it is past the end, or the server ignores the page
 * number and repeats itself. @throws FetchError, also if the list does not end
 */
export async function paginate<Page, Item>(options: PageOptions<Page, Item>): Promise<Listing<Page, Item>> {
  const { action, read, first, itemsOf, keyOf, isLast, items = new Map<string, Item>() } = options;
  const pages: Page[] = [];
  const rows: Item[] = [];
  const keys = new Set<string>();
  const listing = (): Listing<Page, Item> => ({ pages, rows, items, repeated: rows.length - keys.size });
  for (let number = 1; number <= MAX_PAGES; number++) {
    const page = (number === 1 ? first : undefined) ?? (await read(number));
    const before = keys.size;
    pages.push(page);
    for (const item of itemsOf(page)) {
      const key = keyOf(item, rows.length);
      rows.push(item);
      keys.add(key);
      items.set(key, item);
    }
    if (keys.size === before || isLast(page, listing())) return listing();
  }
  throw new FetchError('invalid_response', `${action}: the list does not end after ${MAX_PAGES} pages`);
}
