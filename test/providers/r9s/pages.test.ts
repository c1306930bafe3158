import { describe, expect, it } from 'vitest';
import { readRowPages, readRecordPages } from '../../../src/providers/r9s/pages.ts';
import type { Page, Row, UsageTotal } from '../../../src/providers/r9s/schema.ts';

type ListPage = Extract<Page, { shape: 'list' }>;
type RecordsPage = Extract<Page, { shape: 'records' }>;

function list(total: number, ...ids: string[]): ListPage {
  return { shape: 'list', rows: ids.map(row), total };
}

function row(id: string): Row {
  return {
    id,
    request_time: 1_790_812_800,
    model: 'm',
    token_id: undefined,
    user_id: undefined,
    custom_user_id: undefined,
    input_token: 1,
    output_token: 1,
    cached_token: undefined,
  };
}

function records(totalTokens: number, ...tokens: number[]): RecordsPage {
  const rows = tokens.map((count): UsageTotal => ({ timestamp: 1_790_812_800, model: 'm', tokens: count }));
  return { shape: 'records', rows, totalTokens };
}

/** Pages in the order of the requests after the first, and the requested page numbers. */
function server(...pages: Page[]) {
  const requested: number[] = [];
  const next = (page: number): Promise<Page> => {
    requested.push(page);
    return Promise.resolve(pages[requested.length - 1] ?? list(0));
  };
  return { requested, next };
}

describe('readRowPages', () => {
  it('requests no further page if the first one has all rows', async () => {
    const { requested, next } = server();

    const complete = await readRowPages(list(2, 'b', 'a'), next);

    expect(complete.rows.map(({ id }) => id)).toEqual(['b', 'a']);
    expect(requested).toEqual([]);
  });

  it('stops if the server returns the same page every time', async () => {
    const page = list(5, 'b', 'a');
    const { requested, next } = server(...Array.from({ length: 20 }, () => page));

    const reading = readRowPages(page, next);

    await expect(reading).rejects.toMatchObject({ kind: 'unavailable' });
    expect(requested).toEqual([2, 1, 2, 1, 2, 1, 2]);
  });

  it('keeps the rows of earlier attempts', async () => {
    const { requested, next } = server(list(4, 'b', 'a'), list(4), list(4, 'd', 'c'));

    const complete = await readRowPages(list(3, 'c', 'b'), next);

    expect(complete.rows.map(({ id }) => id).toSorted()).toEqual(['a', 'b', 'c', 'd']);
    expect(complete.duplicates).toBe(1);
    expect(requested).toEqual([2, 3, 1]);
  });

  it('refuses pages of different shapes', async () => {
    const { next } = server(records(1, 1));

    await expect(readRowPages(list(3, 'c', 'b'), next)).rejects.toMatchObject({ kind: 'invalid_response' });
  });
});

describe('readRecordPages', () => {
  it('sums several records of one model and day if the total includes them', async () => {
    const complete = await readRecordPages(records(10, 5, 5), server().next, 100);

    expect(complete).toMatchObject({ duplicates: 0, agrees: true });
    expect(complete.rows).toHaveLength(2);
  });

  it('drops repeated records if the total excludes them', async () => {
    const complete = await readRecordPages(records(5, 5, 5), server().next, 100);

    expect(complete).toMatchObject({ duplicates: 1, agrees: true });
    expect(complete.rows).toHaveLength(1);
  });

  it('accepts a short page with another total and reports the difference', async () => {
    const complete = await readRecordPages(records(12, 5, 6), server().next, 100);

    expect(complete).toMatchObject({ duplicates: 0, agrees: false });
    expect(complete.rows).toHaveLength(2);
  });

  it('reads pages with another total again and fails after the last attempt', async () => {
    const page = records(100, 5, 6);
    const { requested, next } = server(
      ...Array.from({ length: 7 }, (_, i) => (i % 2 === 0 ? records(100, 7) : page)),
    );

    const reading = readRecordPages(page, next, 2);

    await expect(reading).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('100'),
    });
    expect(requested).toEqual([2, 1, 2, 1, 2, 1, 2]);
  });
});
