import { createHmac } from 'node:crypto';
import { OTHER } from './cardinality.ts';
import { parseCsv } from './csv.ts';
import type { Tags } from './point.ts';

export interface UserMappingOptions {
  /** E-mail in lower case -> team, from `parseTeams`. */
  readonly teams?: ReadonlyMap<string, string> | undefined;
  /** Key for pseudonyms; absent: users are stored by name. */
  readonly pseudonymKey?: { reveal(): string } | undefined;
}

const HEADER = 'email,team';

/** Maximum number of cached users. */
const REMEMBERED = 50_000;

/**
 * Adds the user's team if known, then replaces the user with a pseudonym if configured. Different users keep
 * different names.
 */
export function createUserMapping({ teams, pseudonymKey }: UserMappingOptions): (tags: Tags) => Tags {
  if (!teams && !pseudonymKey) return (tags) => tags;
  const names = new Map<string, Tags>();
  return (tags) => {
    if (!tags.user || tags.user === OTHER) return tags;
    let name = names.get(tags.user);
    if (!name) {
      const team = teams?.get(tags.user.toLowerCase());
      const user = pseudonymKey ? pseudonym(pseudonymKey.reveal(), tags.user) : tags.user;
      name = team ? { team, user } : { user };
      if (names.size >= REMEMBERED) names.clear();
      names.set(tags.user, name);
    }
    return { ...tags, ...name };
  };
}

/** A stable keyed hash: HMAC-SHA256, 64 bits. */
export function pseudonym(key: string, user: string): string {
  return `u_${createHmac('sha256', key).update(user).digest('hex').slice(0, 16)}`;
}

/**
 * Parses a CSV file with the header `email,team`: lower-case e-mail -> team.
 * @throws SyntaxError that lists every invalid line as `<file>:<line>: ...`
 */
export function parseTeams(text: string, file: string): Map<string, string> {
  const [header, ...rows] = parseCsv(text, file);
  if (header?.cells.map((cell) => cell.trim().toLowerCase()).join(',') !== HEADER) {
    throw new SyntaxError(`${file}:${header?.line ?? 1}: the first line must be ${HEADER}`);
  }
  const teams = new Map<string, string>();
  const faults: string[] = [];
  for (const { line, cells } of rows) {
    const [email = '', team = ''] = cells.map((cell) => cell.trim());
    const fault = faultOf(cells.length, email, team, teams);
    if (fault) faults.push(`${file}:${line}: ${fault}`);
    else teams.set(email.toLowerCase(), team);
  }
  if (faults.length > 0) throw new SyntaxError(faults.join('\n'));
  return teams;
}

function faultOf(
  cells: number,
  email: string,
  team: string,
  teams: ReadonlyMap<string, string>,
): string | undefined {
  if (cells !== 2)
    return `2 columns are expected (${HEADER}), not ${cells}; put a comma inside a name in quotes`;
  if (email === '') return 'the e-mail is missing';
  if (team === '') return `${email} has no team; leave the line out if that is meant`;
  const other = teams.get(email.toLowerCase());
  if (other !== undefined && other !== team) return `${email} is in ${other} already`;
  return undefined;
}
