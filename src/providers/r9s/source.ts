import { FetchError } from '../../fetch/errors.ts';
import { sumRecords } from '../../usage/aggregate.ts';
import { addCounts, type Count } from '../../usage/count.ts';
import type { UsageRecord } from '../../usage/point.ts';
import { bucketsOf, bucketStart } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { mergeAnswers } from '../merge-answers.ts';
import type { ReadResult, Context, ReadRequest, Source } from '../provider.ts';
import { createClient } from './client.ts';
import type { R9sOptions } from './options.ts';
import { MAX_PAGES, readRowPages, readRecordPages, type Complete } from './pages.ts';
import type { Page, Row, UsageTotal } from './schema.ts';
import { DAY } from '../../windows/units.ts';

/** The width of the documented totals, which are those of UTC days. */

type TimeSlice = Pick<ReadRequest, 'window' | 'bucket' | 'zone' | 'signal'>;

export function connect(options: R9sOptions, { http }: Context): Source {
  const ask = createClient(options, http);
  let shape: Page['shape'] | undefined;
  let mismatch = false;

  async function readWindow(timeSlice: TimeSlice): Promise<ReadResult> {
    const { window, signal } = timeSlice;
    const next = (page: number): Promise<Page> => ask(window, page, signal);
    // Whether `end_time` is inclusive is undocumented. Sending the window's end loses nothing: rows that an
    // inclusive server adds are outside the window and dropped.
    const first = await next(1);
    shape = first.shape;
    if (first.shape === 'records') {
      requireUtcDays(timeSlice);
      const complete = await readRecordPages(first, next, options.page_size);
      mismatch ||= !complete.agrees;
      return toAnswer(complete, (row) => row.timestamp, fromTotal, timeSlice);
    }
    // Too many pages to read before they shift: the window is halved.
    if (first.total <= MAX_PAGES * options.page_size) {
      return toAnswer(await readRowPages(first, next), (row) => row.request_time, fromRow, timeSlice);
    }
    const answers: ReadResult[] = [];
    for (const half of halves(window, first.total))
      answers.push(await readWindow({ ...timeSlice, window: half }));
    return mergeAnswers(answers);
  }

  /** The total of one day; undefined for an account with rows per request. */
  async function readTotal(timeSlice: TimeSlice): Promise<Count | undefined> {
    if (shape === 'list') return undefined;
    const { window, signal } = timeSlice;
    const first = await ask(window, 1, signal);
    shape = first.shape;
    if (first.shape === 'list') return undefined;
    requireUtcDays(timeSlice);
    const { rows } = await readRecordPages(first, (page) => ask(window, page, signal), options.page_size);
    // A record at or after the end shows that `end_time` is inclusive on this server.
    if (rows.every((row) => row.timestamp < window.end)) return first.totalTokens;
    const answer = await ask({ ...window, end: window.end - 1 }, 1, signal);
    return answer.shape === 'list' ? undefined : answer.totalTokens;
  }

  return {
    reads: 'series',
    batchSize: 1,
    calls: { list: () => 0, read: () => 1 },
    partitions: () => Promise.resolve([{ id: 'account' }]),

    read: readWindow,

    /** For rows per request the vendor has no total to compare with. */
    async totals(request) {
      const records: UsageRecord[] = [];
      for (const window of bucketsOf(request.window, '1d', request.zone)) {
        const total = await readTotal({ ...request, window });
        if (total === undefined) return undefined;
        records.push({ time: window.start, tags: {}, fields: { total_tokens: total } });
      }
      return records;
    },

    warnings() {
      const warnings: string[] = [];
      if (shape === 'list')
        warnings.push('This account gets one row per request: model, key, user, input, output.');
      if (shape === 'records')
        warnings.push('This account gets totals per model: `total_tokens` only, no key or user.');
      if (mismatch)
        warnings.push('The sum of its records differs from their own `total_tokens`: ask the vendor why.');
      return warnings;
    },
  };
}

function fromRow(row: Row): Omit<UsageRecord, 'time'> {
  const { model, token_id: key, cached_token: cached } = row;
  const user = row.custom_user_id ?? row.user_id;
  return {
    tags: { ...(model && { model }), ...(key && { key }), ...(user && { user }) },
    fields: {
      // `input_token` excludes cached input.
      input_tokens: addCounts(row.input_token, cached ?? 0),
      output_tokens: row.output_token,
      ...(cached !== undefined && { cached_input_tokens: cached }),
      requests: 1,
    },
  };
}

function fromTotal({ model, tokens }: UsageTotal): Omit<UsageRecord, 'time'> {
  return { tags: model ? { model } : {}, fields: { total_tokens: tokens } };
}

function toAnswer<T>(
  { rows, duplicates }: Complete<T>,
  timeOf: (row: T) => number,
  convert: (row: T) => Omit<UsageRecord, 'time'>,
  { window, bucket, zone }: TimeSlice,
): ReadResult {
  const inside = rows.filter((row) => timeOf(row) >= window.start && timeOf(row) < window.end);
  // An inclusive server adds rows at the end. They are read with the next window, so they are not discarded.
  const atEnd = rows.filter((row) => timeOf(row) === window.end);
  const records = inside.map((row) => ({ ...convert(row), time: bucketStart(timeOf(row), bucket, zone) }));
  const outside = rows.length - inside.length - atEnd.length;
  return {
    records: sumRecords(records),
    dropped: {
      ...(outside > 0 && { outside_window: outside }),
      ...(duplicates > 0 && { duplicate: duplicates }),
    },
  };
}

/**
 * A total of a UTC day cannot be divided into hours or into the days of another zone: stored anyway, it would replace
 * the usage of a bucket by that of another range. @throws FetchError
 */
function requireUtcDays({ window, bucket, zone }: Pick<ReadRequest, 'window' | 'bucket' | 'zone'>): void {
  const isUtc = window.start % DAY === 0 && window.end % DAY === 0;
  if (bucket === '1d' && isUtc) return;
  const buckets = bucket === '1d' ? `days of ${zone}` : 'hours';
  const settings = [
    ...(bucket === '1d' ? [] : ['`bucket: 1d`']),
    ...(bucket === '1d' || bucketStart(0, '1d', zone) !== 0 ? ['`zone: UTC`'] : []),
  ];
  throw new FetchError('refused', `usage: this account gets totals per UTC day, not per ${buckets}`, {
    hint: `Set ${settings.join(' and ')} in the job.`,
  });
}

/** The halves need not be whole buckets: rows of one bucket are summed. */
function halves({ start, end }: Window, rows: number): [Window, Window] {
  const middle = Math.floor((start + end) / 2);
  if (middle > start)
    return [
      { start, end: middle },
      { start: middle, end },
    ];
  throw new FetchError('refused', `usage: ${rows} rows in one second are more than ${MAX_PAGES} pages`, {
    hint: 'Raise `page_size` in the job.',
  });
}
