import type { Member, MemberPage } from './schema.ts';

export interface MemberList {
  /** Each member once, by e-mail address where there is one. */
  readonly members: readonly Member[];
  /** What is odd about the list, in words. */
  readonly notes: readonly string[];
}

/**
 * Reads all pages. The list may shift while it is read, which shows as a row that comes twice or as fewer
 * rows than the vendor speaks of: then it is read once more, and who was seen in either reading counts.
 */
export async function listMembers(readPage: (page: number) => Promise<MemberPage>): Promise<MemberList> {
  let reading = await readPages(readPage);
  const found = new Map(reading.members);
  if (reading.twice > 0 || found.size + reading.nameless < reading.said) {
    reading = await readPages(readPage);
    for (const [row, member] of reading.members) found.set(row, member);
  }
  const { nameless, said } = reading;
  const notes: string[] = [];
  if (found.size + nameless < said) {
    notes.push(`The member list should hold at least ${said} members, but only ${found.size} came.`);
  }
  if (nameless > 0) {
    notes.push(`Members without e-mail address and id, whose usage cannot be asked for: ${nameless}.`);
  }
  const distinct = new Map<string, Member>();
  for (const member of found.values()) {
    const key = member.email?.toLowerCase() ?? `id ${member.id}`;
    if (!distinct.has(key)) distinct.set(key, member);
  }
  return { members: [...distinct.values()], notes };
}

interface Reading {
  /** By address and id together. */
  readonly members: ReadonlyMap<string, Member>;
  /** Rows that came twice. */
  readonly twice: number;
  /** Rows with neither address nor id. */
  readonly nameless: number;
  /** How many rows there are at least, as far as the vendor tells. */
  readonly said: number;
}

async function readPages(readPage: (page: number) => Promise<MemberPage>): Promise<Reading> {
  const members = new Map<string, Member>();
  let twice = 0;
  let nameless = 0;
  let said = 0;
  let pageLength = 0;
  for (let page = 1; ; page++) {
    const before = members.size + nameless;
    const answer = await readPage(page);
    for (const member of answer.members) {
      const row = `${member.email?.toLowerCase() ?? ''} ${member.id ?? ''}`;
      if (!member.email && !member.id) nameless++;
      else if (members.has(row)) twice++;
      else members.set(row, member);
    }
    pageLength ||= answer.members.length;
    const full = pageLength * (answer.totalPages - 1);
    said = Math.max(said, answer.total ?? 0, full > 0 ? full + 1 : 0);
    // A page that brings nobody new is past the end, or the vendor does not look at the page number.
    const over = page >= answer.totalPages || members.size + nameless === before;
    if (over) return { members, twice, nameless, said };
  }
}
