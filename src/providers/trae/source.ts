import { FetchError } from '../../fetch/errors.ts';
import { sumRecords } from '../../usage/aggregate.ts';
import type { UsageRecord } from '../../usage/point.ts';
import type { ReadResult, Context, Partition, ReadRequest, Source } from '../provider.ts';
import { createClient, PAGE_SIZE } from './client.ts';
import { listMembers } from './members.ts';
import type { Options } from './options.ts';
import { requestedOf, emailPartition, idPartition, rowsOf, toRecords } from './records.ts';
import { DAY } from '../../windows/units.ts';

/** The longest range of one request (https://docs.trae.cn/enterprise_get-model-usage-for-users). */
export const MAX_DAYS = 180;
/** Members per request. */
const BATCH_SIZE = 100;

export function connect(options: Options, context: Context): Source {
  const client = createClient(options, context);
  const { members } = options;
  let warnings: readonly string[] = [];

  async function partitions(signal: AbortSignal): Promise<Partition[]> {
    if (members !== 'all') {
      return 'emails' in members ? members.emails.map(emailPartition) : members.ids.map(idPartition);
    }
    const list = await listMembers((page) => client.memberPage(page, signal));
    ({ warnings } = list);
    return list.members.map(({ email, id }) => (email ? emailPartition(email) : idPartition(id ?? '')));
  }

  async function read({ window, rangeEnd, partitions, signal }: ReadRequest): Promise<ReadResult> {
    const { start, end } = window;
    if (end - start > MAX_DAYS * DAY) {
      throw new FetchError('refused', `user-model-usage: a request may span ${MAX_DAYS} days at most`);
    }
    const range = { start_time: start, end_time: rangeEnd === 'inclusive' ? end - 1 : end };
    const { emails, ids } = requestedOf(partitions);
    const rows: UsageRecord[] = [];
    let unidentified = 0;
    if (emails.size > 0) {
      const items = await client.usage({ ...range, emails: [...emails.values()] }, signal);
      const known = items.filter(({ email }) => emails.has(email?.toLowerCase() ?? ''));
      unidentified = rowsOf(items) - rowsOf(known);
      rows.push(...toRecords(known, start, emails));
    }
    if (ids.length > 0) {
      const items = await client.usage({ ...range, user_ids: ids }, signal);
      rows.push(...toRecords(items, start));
    }
    return { records: sumRecords(rows), ...(unidentified > 0 && { dropped: { unidentified } }) };
  }

  return {
    reads: 'totals',
    batchSize: BATCH_SIZE,
    calls: {
      list: (count) => (members === 'all' ? Math.max(1, Math.ceil(count / PAGE_SIZE)) : 0),
      read: ({ partitions }) => {
        const { emails, ids } = requestedOf(partitions);
        return Number(emails.size > 0) + Number(ids.length > 0);
      },
    },
    partitions,
    read,
    totals: async (request) => [...(await read(request)).records],
    warnings: () => [...warnings],
  };
}
