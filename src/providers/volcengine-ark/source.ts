import { FetchError } from '../../fetch/errors.ts';
import { addRecords } from '../../usage/aggregate.ts';
import type { Tags, UsageRecord } from '../../usage/point.ts';
import { createRecordIndex } from '../../usage/record-index.ts';
import { bucketEnd, bucketStart } from '../../windows/calendar.ts';
import type { Bucket, Window } from '../../windows/window.ts';
import type { ReadResult, Context, Partition, ReadRequest, Source } from '../provider.ts';
import { createArk, PAGE_SIZE, type UsageQuery } from './client.ts';
import { endpointRegistry } from './endpoints.ts';
import type { Options } from './options.ts';
import { addDropped, isCombinedTotal, readRows, type Dropped } from './records.ts';
import { DAY, HOUR } from '../../windows/units.ts';

export const ZONE = 'Asia/Shanghai';
const BEIJING = 8 * HOUR;
/** Series whose tags are shared at a time. */
const MOST_SERIES = 50_000;
type Interval = 3600 | 86_400;
/** The longest window of each interval. The vendor publishes none; these are the limits of related actions. */
const LONGEST: Readonly<Record<Interval, number>> = { [HOUR]: 7 * DAY, [DAY]: 31 * DAY };
/**
 * The vendor publishes no limit of EndpointIds. 50 keeps the largest answer (3 scenes, 168 hours, input and output)
 * at about 50,000 values or 2.5 MB, and is below the 100 ids of its list actions.
 */
const ENDPOINTS_PER_CALL = 50;
/** State key: when Ark last combined several endpoints into one total. Endpoints are then read one by one for some days. */
const COMBINED_AT = 'undivided-at';
const ONE_BY_ONE_DAYS = 7;

export function connect(options: Options, context: Context): Source {
  const ark = createArk(options, context);
  const known = endpointRegistry(options.projects, context.state);
  /** One object per series for all its records, because the text of a series is cached by its tags. */
  const sharedTags = new Map<string, Tags>();
  let listWarnings: string[] = [];
  const seconds = (): number => Math.floor(context.now() / 1000);
  const oneByOne = (): boolean =>
    Number(context.state.get(COMBINED_AT) ?? 0) + ONE_BY_ONE_DAYS * DAY > seconds();

  async function partitions(signal: AbortSignal): Promise<Partition[]> {
    if (options.endpoints === 'none')
      return options.projects.map((project) => ({ id: project, tags: { project } }));
    const all: Partition[] = [];
    const warnings: string[] = [];
    const missing = new Set(Array.isArray(options.endpoints) ? options.endpoints : []);
    for (const project of options.projects) {
      const { found, total } = await ark.endpoints(project, signal);
      if (found.length < total)
        warnings.push(`Project ${project} has ${total} endpoints, but Ark lists only ${found.length}.`);
      const ids = known.update(project, found, seconds());
      const wanted = options.endpoints === 'all' ? ids : ids.filter((id) => missing.delete(id));
      const gone = wanted.filter((id) => known.isGone(project, id));
      if (gone.length > 0)
        warnings.push(`No longer listed in project ${project}, but still read: ${gone.join(', ')}.`);
      all.push(...wanted.map((endpoint) => partitionOf(project, endpoint)));
    }
    const project = options.projects[0] ?? '';
    if (missing.size > 0)
      warnings.push(
        `Not listed in any project of the job, so read from ${project}: ${[...missing].join(', ')}.`,
      );
    all.push(...[...missing].map((endpoint) => partitionOf(project, endpoint)));
    listWarnings = warnings;
    return all;
  }

  async function read(request: ReadRequest): Promise<ReadResult> {
    const { bucket, zone, window } = request;
    return await ask(request, intervalOf(bucket, window, zone), ({ time, tags, fields }) => {
      const start = bucketStart(time, bucket, zone);
      return { time: start, tags: withModel(tags, start, start), fields };
    });
  }

  /** Days for hourly buckets and hours for daily ones: the same usage, aggregated differently by the vendor. */
  async function totals(request: ReadRequest): Promise<readonly UsageRecord[]> {
    const { bucket, zone, window } = request;
    const interval = bucket === '1d' ? HOUR : intervalOf('1d', window, zone);
    const { records } = await ask(request, interval, ({ time, tags, fields }) => {
      const day = bucketStart(time, '1d', zone);
      return { time: day, tags: withModel(tags, day, bucketEnd(time, '1d', zone) - 1), fields };
    });
    return records;
  }

  /** The result for one window, from one or more requests; `place` assigns a value of the vendor to a bucket. */
  async function ask(
    request: ReadRequest,
    interval: Interval,
    place: (record: UsageRecord) => UsageRecord,
  ): Promise<{ records: readonly UsageRecord[]; dropped: Dropped }> {
    const sums = createRecordIndex();
    const dropped: Dropped = {};
    for (const query of queriesOf(request, interval)) {
      const series = await ark.usage(query, request.signal);
      if (isCombinedTotal(series, query)) {
        context.state.set(COMBINED_AT, String(seconds()));
        const message = `Ark returned one total for ${query.endpoints?.length} endpoints of project ${query.project}`;
        throw new FetchError('refused', message, {
          hint: 'No action needed: the endpoints are read one by one instead.',
        });
      }
      const emit = (record: UsageRecord): void => sums.add(place(record), addRecords);
      addDropped(dropped, readRows(series, query, options.scenes, emit));
    }
    return { records: sums.values(), dropped };
  }

  /** Adds the endpoint's model, if it did not change from `first` to `last`. */
  function withModel(tags: Tags, first: number, last: number): Tags {
    const { project = '', endpoint = '', scene = '' } = tags;
    const model = known.model(project, endpoint, first);
    const isKnown = model && (last === first || model === known.model(project, endpoint, last));
    const texts = [project, endpoint, scene, isKnown ? model : ''];
    // With their lengths, no two series have the same key.
    const key = `${texts.map((text) => text.length).join(' ')} ${texts.join('')}`;
    const shared = sharedTags.get(key);
    if (shared) return shared;
    if (sharedTags.size >= MOST_SERIES) sharedTags.clear();
    const own = isKnown ? { ...tags, model } : tags;
    sharedTags.set(key, own);
    return own;
  }

  return {
    reads: 'series',
    get batchSize() {
      // One request per project, so that a failing one does not affect the others.
      return options.endpoints === 'none' || oneByOne() ? 1 : ENDPOINTS_PER_CALL;
    },
    calls: {
      list: (count) =>
        options.endpoints === 'none' ? 0 : Math.max(options.projects.length, Math.ceil(count / PAGE_SIZE)),
      read: (request) => queriesOf(request, intervalOf(request.bucket, request.window, request.zone)).length,
    },
    partitions,
    read,
    totals,
    warnings: () => [
      ...listWarnings,
      ...(oneByOne()
        ? [
            'Ark combines several endpoints into one total for this account, so each endpoint is a separate request.',
          ]
        : []),
    ],
  };
}

function partitionOf(project: string, endpoint: string): Partition {
  return { id: `${project}/${endpoint}`, tags: { project, endpoint } };
}

/** One request per project and at most the longest window of the vendor. */
function queriesOf(
  { partitions, window }: Pick<ReadRequest, 'partitions' | 'window'>,
  interval: Interval,
): UsageQuery[] {
  const projects = new Map<string, string[]>();
  for (const { id, tags } of partitions) {
    const project = tags?.project ?? id;
    const endpoints = projects.get(project) ?? [];
    projects.set(project, tags?.endpoint ? [...endpoints, tags.endpoint] : endpoints);
  }
  const queries: UsageQuery[] = [];
  for (const [project, endpoints] of projects) {
    for (let start = window.start; start < window.end; start += LONGEST[interval]) {
      const end = Math.min(window.end, start + LONGEST[interval]);
      queries.push({
        project,
        ...(endpoints.length > 0 ? { endpoints } : {}),
        window: { start, end },
        interval,
      });
    }
  }
  return queries;
}

/** Ark's days are those of Beijing; days of another zone are summed from hours. */
function intervalOf(bucket: Bucket, { start, end }: Window, zone: string): Interval {
  if (start % HOUR !== 0 || end % HOUR !== 0)
    throw new FetchError(
      'refused',
      `Ark's buckets are whole hours of UTC, and those of zone ${zone} are not`,
      {
        hint: `Set the job's zone to one whose offset from UTC is whole hours, such as ${ZONE}.`,
      },
    );
  const daily = [start, end].every((time) => (time + BEIJING) % DAY === 0);
  return bucket === '1d' && daily ? DAY : HOUR;
}
