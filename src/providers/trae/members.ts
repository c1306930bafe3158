import { paginate } from '../paginate.ts';
import type { Member, MemberPage } from './schema.ts';

export interface MemberList {
  /** Each member once, identified by e-mail address, or else by id. */
  readonly members: readonly Member[];
  /** Warnings about the list. */
  readonly warnings: readonly string[];
}

/**
 * Reads all pages. If the list shifts during the read (a repeated row, or fewer rows than reported), it is read once
 * more and the results are merged.
 */
export async function listMembers(readPage: (page: number) => Promise<MemberPage>): Promise<MemberList> {
  const found = new Map<string, Member>();
  let pass = await readPages(readPage, found);
  if (pass.repeated > 0 || found.size < pass.reported) pass = await readPages(readPage, found);
  const { nameless, reported } = pass;
  const members = [...found.values()].filter(isNamed);
  const warnings: string[] = [];
  if (members.length + nameless < reported) {
    warnings.push(
      `The member list should have at least ${reported} members, but only ${members.length} were returned.`,
    );
  }
  if (nameless > 0) {
    warnings.push(`Members without e-mail address and id, whose usage cannot be read: ${nameless}.`);
  }
  const distinct = new Map<string, Member>();
  for (const member of members) {
    const key = member.email?.toLowerCase() ?? `id ${member.id}`;
    if (!distinct.has(key)) distinct.set(key, member);
  }
  return { members: [...distinct.values()], warnings };
}

interface Pass {
  /** Rows that were returned more than once. */
  readonly repeated: number;
  /** Rows with neither address nor id. */
  readonly nameless: number;
  /** The minimum number of rows according to the vendor. */
  readonly reported: number;
}

async function readPages(
  readPage: (page: number) => Promise<MemberPage>,
  items: Map<string, Member>,
): Promise<Pass> {
  const { pages, rows, repeated } = await paginate({
    action: 'users',
    read: readPage,
    itemsOf: ({ members }: MemberPage) => members,
    keyOf: (member, index) =>
      isNamed(member) ? `${member.email?.toLowerCase() ?? ''} ${member.id ?? ''}` : `row ${index}`,
    isLast: ({ totalPages }, listing) => listing.pages.length >= totalPages,
    items,
  });
  const pageLength = pages[0]?.members.length ?? 0;
  const reported = pages.map(({ total = 0, totalPages }) => {
    const full = pageLength * (totalPages - 1);
    return Math.max(total, full > 0 ? full + 1 : 0);
  });
  return {
    repeated,
    nameless: rows.filter((member) => !isNamed(member)).length,
    reported: Math.max(...reported),
  };
}

function isNamed({ email, id }: Member): boolean {
  return Boolean(email) || Boolean(id);
}
