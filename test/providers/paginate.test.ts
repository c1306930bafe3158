import { describe, expect, it } from 'vitest';
import { paginate, type PageOptions } from '../../src/providers/paginate.ts';

type Options = PageOptions<readonly string[], string>;

/** A server with these pages, empty ones after them, and the requested page numbers. */
function serverOf(...pages: string[][]): { requested: number[]; options: Options } {
  const requested: number[] = [];
  const read = (page: number): Promise<readonly string[]> => {
    requested.push(page);
    return Promise.resolve(pages[page - 1] ?? []);
  };
  const options = { action: 'list', read, itemsOf: (page: readonly string[]) => page } as const;
  return { requested, options: { ...options, keyOf: (item) => item, isLast: () => false } };
}

describe('paginate', () => {
  it('ends with the page that the vendor documents as the last', async () => {
    const { requested, options } = serverOf(['a', 'b'], ['c'], ['d']);

    const { rows } = await paginate({ ...options, isLast: (page) => page.length < 2 });

    expect(rows).toEqual(['a', 'b', 'c']);
    expect(requested).toEqual([1, 2]);
  });

  it('ends with a page without new items', async () => {
    const { requested, options } = serverOf(['a', 'b'], ['b', 'a'], ['c']);

    const { items, repeated } = await paginate(options);

    expect([...items.keys()]).toEqual(['a', 'b']);
    expect(repeated).toBe(2);
    expect(requested).toEqual([1, 2]);
  });

  it('does not request the first page again', async () => {
    const { requested, options } = serverOf(['a'], ['b']);

    const { rows } = await paginate({ ...options, first: ['z'] });

    expect(rows).toEqual(['z', 'b']);
    expect(requested).toEqual([2, 3]);
  });

  it('adds to the items of an earlier attempt', async () => {
    const items = new Map([['a', 'a']]);
    const { requested, options } = serverOf(['b'], ['c']);

    const listing = await paginate({ ...options, items, isLast: (_, { items: all }) => all.size >= 2 });

    expect([...listing.items.keys()]).toEqual(['a', 'b']);
    expect(listing.repeated).toBe(0);
    expect(requested).toEqual([1]);
  });

  it('fails if the list does not end', async () => {
    const { options } = serverOf();
    const endless = paginate({ ...options, read: (page) => Promise.resolve([`item ${page}`]) });

    await expect(endless).rejects.toMatchObject({
      kind: 'invalid_response',
      message: expect.stringContaining('does not end'),
    });
  });
});
