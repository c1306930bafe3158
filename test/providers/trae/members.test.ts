import { expect, it } from 'vitest';
import { listMembers } from '../../../src/providers/trae/members.ts';
import type { Member, MemberPage } from '../../../src/providers/trae/schema.ts';

const [A, B, C] = ['a', 'b', 'c'].map((name, i): Member => ({ email: `${name}@example.com`, id: String(i) }));

interface Case {
  readonly name: string;
  /** What each request gives, in order. */
  readonly pages: readonly MemberPage[];
  readonly found: readonly (Member | undefined)[];
  readonly warnings?: readonly string[];
}

function page(members: readonly (Member | undefined)[], totalPages: number, total?: number): MemberPage {
  return { members: members.map((member) => member!), totalPages, total };
}

it.each<Case>([
  { name: 'no member', pages: [page([], 0, 0)], found: [] },
  { name: 'one page', pages: [page([A, B], 1, 2)], found: [A, B] },
  { name: 'two pages', pages: [page([A, B], 2, 3), page([C], 2, 3)], found: [A, B, C] },
  {
    name: 'a member missed between pages, detected by the total',
    pages: [page([A], 2, 3), page([C], 2, 3), page([A, B], 2, 3), page([C], 2, 3)],
    found: [A, C, B],
  },
  {
    name: 'a member missed between pages, detected by a short page',
    pages: [page([A, B], 3), page([C], 3), page([], 3), page([A, B], 1)],
    found: [A, B, C],
  },
  {
    name: 'a member repeated between pages',
    pages: [page([A, B], 2), page([B], 2), page([A, B], 2), page([C], 2)],
    found: [A, B, C],
  },
  {
    name: 'a list that stays short',
    pages: [page([A], 1, 3), page([A, B], 1, 3)],
    found: [A, B],
    warnings: ['The member list should have at least 3 members, but only 2 were returned.'],
  },
  {
    name: 'a server that ignores the page number',
    pages: [page([A], 9), page([A], 9), page([A], 9), page([A], 9)],
    found: [A],
    warnings: ['The member list should have at least 9 members, but only 1 were returned.'],
  },
  {
    name: 'two ids with one address in different case',
    pages: [page([A, { email: 'A@Example.com', id: '9' }], 1, 2)],
    found: [A],
  },
  {
    name: 'members without an address, and without any identity',
    pages: [
      page(
        [
          { email: undefined, id: '7' },
          { email: undefined, id: undefined },
        ],
        1,
        2,
      ),
    ],
    found: [{ email: undefined, id: '7' }],
    warnings: ['Members without e-mail address and id, whose usage cannot be read: 1.'],
  },
])('lists members: $name', async ({ pages, found, warnings }) => {
  const left = [...pages];

  const list = await listMembers(() => Promise.resolve(left.shift()!));

  expect(list.members).toEqual(found);
  expect(list.warnings).toEqual(warnings ?? []);
  expect(left).toEqual([]);
});
