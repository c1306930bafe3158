import { createHmac } from 'node:crypto';
import { OTHER } from './cardinality.ts';
import type { Tags } from './point.ts';

export interface UserMappingOptions {
  /** E-mail in lower case -> team, from the file of teams. */
  readonly teams?: ReadonlyMap<string, string> | undefined;
  /** Key for pseudonyms; absent: users are stored by name. */
  readonly pseudonymKey?: { reveal(): string } | undefined;
}

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
