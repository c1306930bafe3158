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
  let pass = await readPages(readPage);
  const found = new Map(pass.members);
  if (pass.repeated > 0 || found.size + pass.nameless < pass.reported) {
    pass = await readPages(readPage);
    for (const [row, member] of pass.members) found.set(row, member);
  }
  const { nameless, reported } = pass;
  const warnings: string[] = [];
  if (found.size + nameless < reported) {
    warnings.push(
      `The member list should have at least ${reported} members, but only ${found.size} were returned.`,
    );
  }
  if (nameless > 0) {
    warnings.push(`Members without e-mail address and id, whose usage cannot be read: ${nameless}.`);
  }
  const distinct = new Map<string, Member>();
  for (const member of found.values()) {
    const key = member.email?.toLowerCase() ?? `id ${member.id}`;
    if (!distinct.has(key)) distinct.set(key, member);
  }
  return { members: [...distinct.values()], warnings };
}

interface Pass {
  /** By address and id together. */
  readonly members: ReadonlyMap<string, Member>;
  /** Rows that were returned more than once. */
  readonly repeated: number;
  /** Rows with neither address nor id. */
  readonly nameless: number;
  /** The minimum number of rows according to the vendor. */
  readonly reported: number;
}

async function readPages(readPage: (page: number) => Promise<MemberPage>): Promise<Pass> {
  const members = new Map<string, Member>();
  let repeated = 0;
  let nameless = 0;
  let reported = 0;
  let pageLength = 0;
  for (let page = 1; ; page++) {
    const before = members.size + nameless;
    const answer = await readPage(page);
    for (const member of answer.members) {
      const row = `${member.email?.toLowerCase() ?? ''} ${member.id ?? ''}`;
      if (!member.email && !member.id) nameless++;
      else if (members.has(row)) repeated++;
      else members.set(row, member);
    }
    pageLength ||= answer.members.length;
    const full = pageLength * (answer.totalPages - 1);
    reported = Math.max(reported, answer.total ?? 0, full > 0 ? full + 1 : 0);
    // A page without new members is past the end, or the server ignores the page number.
    const isLast = page >= answer.totalPages || members.size + nameless === before;
    if (isLast) return { members, repeated, nameless, reported };
  }
}
