import { FetchError } from '../../fetch/errors.ts';
import type { Fields, Tags, UsageRecord } from '../../usage/point.ts';
import { bucketsOf } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { mergeAnswers } from '../merge-answers.ts';
import type { ReadResult, Context, Partition, ReadRequest, Source } from '../provider.ts';
import { createClient } from './client.ts';
import { createObservations } from './notes.ts';
import type { Options } from './options.ts';
import { isZero, recordsOfRows, sumFields, type TimeSlice } from './records.ts';
import type { Usage } from './schema.ts';

/** Answers for one key and, where the job lists models, one model. `lastSecond` leaves `end` itself out for certain. */
type Ask = (window: Window, lastSecond?: boolean) => Promise<Usage>;

export function connect(options: Options, { http }: Context): Source {
  const client = createClient(options, http);
  const observations = createObservations();

  /**
   * Whether `EndTime` belongs to the range is undocumented. Sending the window's end loses nothing either way:
   * an inclusive server adds rows of the next bucket, which are dropped and read in their own window.
   */
  function asking({ key, project }: Tags, model: string | undefined, signal: AbortSignal): Ask {
    return ({ start, end }, lastSecond = false) =>
      client.usage({ project, key: key ?? '', model, start, end: lastSecond ? end - 1 : end }, signal);
  }

  async function readKey(
    ask: Ask,
    timeSlice: TimeSlice,
    tags: Tags,
    model: string | undefined,
  ): Promise<ReadResult> {
    const inParts = async (parts: readonly Window[]): Promise<ReadResult> => {
      const answers: ReadResult[] = [];
      for (const window of parts) answers.push(await readKey(ask, { ...timeSlice, window }, tags, model));
      return mergeAnswers(answers);
    };

    const usage = await unlessTooSlow(ask(timeSlice.window), timeSlice);
    if (!usage) return inParts(halves(timeSlice));
    observations.answer(usage, timeSlice);
    const { rows, totals } = usage;
    if (rows.length > 0 || isZero(totals)) return recordsOfRows(rows, timeSlice, tags, model);
    const buckets = bucketsOf(timeSlice.window, timeSlice.bucket, timeSlice.zone);
    if (buckets.length > 1) return inParts(buckets);
    const record = { time: timeSlice.window.start, tags: model === undefined ? tags : { ...tags, model } };
    return { records: [{ ...record, fields: totals }] };
  }

  return {
    reads: 'series',
    batchSize: 1,

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
          const ask = asking(tags, model, request.signal);
          answers.push(await readKey(ask, request, tags, model));
        }
      }
      return mergeAnswers(answers);
    },

    async totals(request) {
      const records: UsageRecord[] = [];
      for (const { tags = {} } of request.partitions) {
        const totals: Fields[] = [];
        for (const model of options.models ?? [undefined]) {
          const ask = asking(tags, model, request.signal);
          for (const window of bucketsOf(request.window, '1d', request.zone)) {
            totals.push(await readTotals(ask, { ...request, window, bucket: '1h' }));
          }
        }
        const fields = sumFields(totals);
        if (Object.keys(fields).length > 0) records.push({ time: request.window.start, tags, fields });
      }
      return records;
    },

    notes: () => observations.notes(),
  };
}

/** A window's totals without what lies at its end, in halves where the whole is too much for the server. */
async function readTotals(ask: Ask, timeSlice: TimeSlice & Pick<ReadRequest, 'rangeEnd'>): Promise<Fields> {
  const usage = await unlessTooSlow(ask(timeSlice.window, timeSlice.rangeEnd === 'inclusive'), timeSlice);
  if (!usage) {
    const parts: Fields[] = [];
    for (const window of halves(timeSlice)) parts.push(await readTotals(ask, { ...timeSlice, window }));
    return sumFields(parts);
  }
  // Rows at or after the end show that this server takes `EndTime` as inclusive, and so do its totals.
  const pastEnd = usage.rows.some((row) => row !== undefined && row.time >= timeSlice.window.end);
  return pastEnd ? (await ask(timeSlice.window, true)).totals : usage.totals;
}

/** The answer, or undefined where the window is too long for the server and can be cut. @throws FetchError */
async function unlessTooSlow(answer: Promise<Usage>, timeSlice: TimeSlice): Promise<Usage | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof FetchError) || error.kind !== 'window_too_large') throw error;
    if (bucketsOf(timeSlice.window, timeSlice.bucket, timeSlice.zone).length > 1) return undefined;
    throw new FetchError('unavailable', `${error.message} (for a single bucket)`, {
      hint: 'The vendor is overloaded; the window is tried again later.',
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
