import type { UsageRecord } from '../../usage/point.ts';
import type { Partition } from '../provider.ts';
import type { MemberUsage } from './schema.ts';

/** One record per row. A member's address is spelled as in the request, or else as in the answer. */
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

/** A member by e-mail address, which is case-insensitive. */
export function emailPartition(email: string): Partition {
  return { id: EMAIL + email.toLowerCase(), tags: { user: email } };
}

/** A member by id. The address is only in the answers. */
export function idPartition(id: string | number): Partition {
  return { id: `${ID}${id}` };
}

export interface Requested {
  /** The spelling of each lower-case address. */
  readonly emails: ReadonlyMap<string, string>;
  readonly ids: readonly bigint[];
}

export function requestedOf(partitions: readonly Partition[]): Requested {
  const emails = new Map<string, string>();
  const ids: bigint[] = [];
  for (const { id, tags } of partitions) {
    const email = id.slice(EMAIL.length);
    if (id.startsWith(EMAIL)) emails.set(email, tags?.user ?? email);
    else ids.push(BigInt(id.slice(ID.length)));
  }
  return { emails, ids };
}
