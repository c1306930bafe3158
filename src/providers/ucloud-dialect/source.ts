import { FetchError } from '../../fetch/errors.ts';
import { sumRecords } from '../../usage/aggregate.ts';
import type { Fields, Tags, UsageRecord } from '../../usage/point.ts';
import { bucketsOf } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { mergeAnswers } from '../merge-answers.ts';
import type { ReadResult, Context, Partition, ReadRequest, Source } from '../provider.ts';
import { createClient, KEYS_PER_PAGE } from './client.ts';
import type { Options } from './options.ts';
import { isZero, recordsOfRows, sumFields, type TimeSlice } from './records.ts';
import { createRowWidthCheck } from './row-width.ts';
import type { Usage } from './schema.ts';

/** Requests the usage of one key and, if the job lists models, one model. `lastSecond` excludes `end` on any server. */
type Fetch = (window: Window, lastSecond?: boolean) => Promise<Usage>;

export function connect(options: Options, { http }: Context): Source {
  const client = createClient(options, http);
  const requireNarrowRows = createRowWidthCheck();
  let hasTotalsWithoutRows = false;

  /**
   * Whether `EndTime` is inclusive is undocumented. Sending the window's end loses nothing: an inclusive server
   * adds rows of the next bucket, which are dropped and read in their own window.
   */
  function fetcher({ key, project }: Tags, model: string | undefined, signal: AbortSignal): Fetch {
    return ({ start, end }, lastSecond = false) =>
      client.usage({ project, key: key ?? '', model, start, end: lastSecond ? end - 1 : end }, signal);
  }

  async function readKey(
    fetch: Fetch,
    timeSlice: TimeSlice,
    tags: Tags,
    model: string | undefined,
  ): Promise<ReadResult> {
    const readParts = async (parts: readonly Window[]): Promise<ReadResult> => {
      const answers: ReadResult[] = [];
      for (const window of parts) answers.push(await readKey(fetch, { ...timeSlice, window }, tags, model));
      return mergeAnswers(answers);
    };

    const usage = await unlessTooLarge(fetch(timeSlice.window), timeSlice);
    if (!usage) return readParts(halves(timeSlice));
    await requireNarrowRows(usage, timeSlice, fetch);
    const { rows, totals } = usage;
    if (rows.length > 0 || isZero(totals)) return recordsOfRows(rows, timeSlice, tags, model);
    hasTotalsWithoutRows = true;
    const buckets = bucketsOf(timeSlice.window, timeSlice.bucket, timeSlice.zone);
    if (buckets.length > 1) return readParts(buckets);
    const record = { time: timeSlice.window.start, tags: model === undefined ? tags : { ...tags, model } };
    return { records: [{ ...record, fields: totals }] };
  }

  return {
    reads: 'series',
    batchSize: 1,
    calls: {
      list: (count) =>
        options.keys === 'all' ? (options.projects?.length ?? 1) + Math.floor(count / KEYS_PER_PAGE) : 0,
      read: ({ partitions }) => partitions.length * (options.models?.length ?? 1),
    },

    async partitions(signal) {
      const projects = options.projects ?? [undefined];
      const partitions = new Map<string, Partition>();
      for (const project of projects) {
        const keys = options.keys === 'all' ? await client.keys(project, signal) : options.keys;
        for (const key of keys) {
          const id = `key:${key}`;
          const tags = project === undefined ? { key } : { key, project };
          if (!partitions.has(id)) partitions.set(id, { id, tags });
        }
      }
      return [...partitions.values()];
    },

    async read(request) {
      const answers: ReadResult[] = [];
      for (const { tags = {} } of request.partitions) {
        for (const model of options.models ?? [undefined]) {
          const fetch = fetcher(tags, model, request.signal);
          answers.push(await readKey(fetch, request, tags, model));
        }
      }
      return mergeAnswers(answers);
    },

    async totals(request) {
      const records: UsageRecord[] = [];
      for (const { tags = {} } of request.partitions) {
        for (const model of options.models ?? [undefined]) {
          const fetch = fetcher(tags, model, request.signal);
          for (const window of bucketsOf(request.window, '1d', request.zone)) {
            const fields = await readTotals(fetch, { ...request, window, bucket: '1h' });
            if (Object.keys(fields).length > 0) records.push({ time: window.start, tags, fields });
          }
        }
      }
      return sumRecords(records);
    },

    warnings: () =>
      hasTotalsWithoutRows
        ? [
            'This account gets totals without rows, so its points have no model: list `models` in the job to get one total per model.',
          ]
        : [],
  };
}

/** The totals of a window without its end, in halves if the window is too large for the server. */
async function readTotals(
  fetch: Fetch,
  timeSlice: TimeSlice & Pick<ReadRequest, 'rangeEnd'>,
): Promise<Fields> {
  const usage = await unlessTooLarge(fetch(timeSlice.window, timeSlice.rangeEnd === 'inclusive'), timeSlice);
  if (!usage) {
    const parts: Fields[] = [];
    for (const window of halves(timeSlice)) parts.push(await readTotals(fetch, { ...timeSlice, window }));
    return sumFields(parts);
  }
  // Rows at or after the end show that `EndTime` is inclusive on this server, also for the totals.
  const pastEnd = usage.rows.some((row) => row !== undefined && row.time >= timeSlice.window.end);
  return pastEnd ? (await fetch(timeSlice.window, true)).totals : usage.totals;
}

/** The answer; undefined if the window is too large for the server and can be halved. @throws FetchError */
async function unlessTooLarge(answer: Promise<Usage>, timeSlice: TimeSlice): Promise<Usage | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof FetchError) || error.kind !== 'window_too_large') throw error;
    if (bucketsOf(timeSlice.window, timeSlice.bucket, timeSlice.zone).length > 1) return undefined;
    throw new FetchError('unavailable', `${error.message} (for a single bucket)`, {
      hint: 'The vendor is overloaded; the window will be retried.',
      status: error.status,
      code: error.code,
      requestId: error.requestId,
    });
  }
}

function halves({ window, bucket, zone }: TimeSlice): [Window, Window] {
  const buckets = bucketsOf(window, bucket, zone);
  const middle = buckets[Math.ceil(buckets.length / 2)]?.start ?? window.end;
  return [
    { start: window.start, end: middle },
    { start: middle, end: window.end },
  ];
}
