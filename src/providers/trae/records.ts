import type { UsageRecord } from '../../usage/point.ts';
import type { Partition } from '../provider.ts';
import type { MemberUsage } from './schema.ts';

/** A record for each row. A member has the spelling that was asked for, or else the one that the vendor gives. */
export function toRecords(
  items: readonly MemberUsage[],
  time: number,
  spellings?: ReadonlyMap<string, string>,
): UsageRecord[] {
  return items.flatMap(({ email, model_usage }) => {
    const user = spellings?.get(email?.toLowerCase() ?? '') ?? email;
    return model_usage.map(({ model_name, model_type, model_source, usage }) => ({
      time,
      tags: {
        ...(user && { user }),
        ...(model_name && { model: model_name }),
        ...(model_type && { model_type }),
        ...(model_source && { model_source }),
      },
      fields: { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens },
    }));
  });
}

export function rowsOf(items: readonly MemberUsage[]): number {
  return items.reduce((rows, { model_usage }) => rows + model_usage.length, 0);
}

const EMAIL = 'email:';
const ID = 'id:';

/** A member by e-mail address. Letter case does not make another member. */
export function emailPartition(email: string): Partition {
  return { id: EMAIL + email.toLowerCase(), tags: { user: email } };
}

/** A member by id. Who that is, the answers tell. */
export function idPartition(id: string | number): Partition {
  return { id: `${ID}${id}` };
}

export interface Asked {
  /** Lower-case address to its spelling. */
  readonly emails: ReadonlyMap<string, string>;
  readonly ids: readonly bigint[];
}

export function askedOf(partitions: readonly Partition[]): Asked {
  const emails = new Map<string, string>();
  const ids: bigint[] = [];
  for (const { id, tags } of partitions) {
    const email = id.slice(EMAIL.length);
    if (id.startsWith(EMAIL)) emails.set(email, tags?.user ?? email);
    else ids.push(BigInt(id.slice(ID.length)));
  }
  return { emails, ids };
}
