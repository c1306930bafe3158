import { FetchError } from '../../fetch/errors.ts';
import type { Count } from '../../usage/count.ts';
import type { Field, Tags, UsageRecord } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import type { DropReason } from '../provider.ts';
import type { UsageQuery } from './client.ts';
import type { Series } from './schema.ts';

const FIELD_OF: Readonly<Record<string, Field>> = {
  PromptTokens: 'input_tokens',
  CompletionTokens: 'output_tokens',
};

export type Dropped = Partial<Record<DropReason, number>>;

/** Whether the answer sums several endpoints into one total. */
export function isCombinedTotal(series: readonly Series[], { endpoints }: UsageQuery): boolean {
  return endpoints !== undefined && endpoints.length > 1 && series.some((one) => isTotal(one));
}

/**
 * Converts an answer that is not a combined total: `emit` receives one record per value, at the vendor's time, with
 * the tags from `tagsOf`. Returns the discarded values. @throws FetchError
 */
export function readRows(
  series: readonly Series[],
  query: UsageQuery,
  tagsOf: TagsOf,
  emit: (record: UsageRecord) => void,
): Dropped {
  refuseMixtures(series, query);
  const { window } = query;
  const dropped: Dropped = {};
  const valuesOf = valuesSeen();
  for (const one of series) {
    const field = FIELD_OF[one.name];
    const tags = tagsOf(one, query);
    const requested = isRequested(one.tags, query);
    const seen = valuesOf(one, tags);
    const { times, counts } = one.values;
    for (let i = 0; i < times.length; i++) {
      const [time, count] = [times[i]!, counts[i]!];
      if (time < window.start || time >= window.end) drop(dropped, 'outside_window');
      else if (!field) drop(dropped, 'unknown_type');
      else if (!requested) drop(dropped, 'unidentified');
      else if (repeats(seen, time, count)) drop(dropped, 'duplicate');
      else {
        refuseOddTimes(time, query);
        emit({ time, tags, fields: { [field]: count } });
      }
    }
  }
  return dropped;
}

export function addDropped(sum: Dropped, dropped: Dropped): void {
  for (const [reason, count] of Object.entries(dropped) as [DropReason, number][])
    sum[reason] = (sum[reason] ?? 0) + count;
}

/** The tags that the records of a series carry. The same object for the same tags: many records share it. */
export type TagsOf = (series: Series, query: UsageQuery) => Tags;

const TAGS_KEPT = 50_000;

/** @param scenes the requested ones */
export function createTagsOf(scenes: readonly string[]): TagsOf {
  const kept = new Map<string, Tags>();
  const onlyScene = scenes.length === 1 ? scenes[0]! : '';
  return ({ tags }, { project, endpoints }) => {
    // A series without the tag belongs to the only endpoint of the request. Project totals have no endpoint, so that
    // they are one series whether or not the vendor splits them.
    const endpoint = (endpoints && (tags['EndpointId'] ?? endpoints[0])) || '';
    const scene = tags['Scene'] ?? onlyScene;
    const key = `${endpoint.length} ${scene.length} ${endpoint}${scene}${project}`;
    let shared = kept.get(key);
    if (!shared) {
      if (kept.size >= TAGS_KEPT) kept.clear();
      shared = { project, ...(endpoint && { endpoint }), ...(scene && { scene }) };
      kept.set(key, shared);
    }
    return shared;
  };
}

/** Usage without an endpoint. A total of 0 needs no endpoint. */
function isTotal({ tags, values }: Series): boolean {
  return !tags['EndpointId'] && values.counts.some((count) => count !== 0);
}

function isRequested(tags: Series['tags'], { endpoints }: UsageQuery): boolean {
  const endpoint = tags['EndpointId'];
  if (!endpoints) return true;
  return endpoint ? endpoints.includes(endpoint) : endpoints.length === 1;
}

function refuseMixtures(series: readonly Series[], { project }: UsageQuery): void {
  if (!series.some((one) => isTotal(one)) || !series.some(({ tags }) => tags['EndpointId'])) return;
  throw new FetchError(
    'invalid_response',
    `Ark mixed totals with series of single endpoints for project ${project}`,
  );
}

/** Whether the value repeats an earlier one. @throws FetchError if one series has two different values at one time */
function repeats(seen: Map<number, Count>, time: number, count: Count): boolean {
  const before = seen.get(time);
  seen.set(time, count);
  if (before === undefined || before === count) return before !== undefined;
  throw new FetchError(
    'invalid_response',
    `Ark gave one series two values at the same time: ${before} and ${count}`,
  );
}

function refuseOddTimes(time: number, { window, interval }: UsageQuery): void {
  if ((time - window.start) % interval === 0) return;
  throw new FetchError(
    'invalid_response',
    `Ark gave a value at ${new Date(time * 1000).toISOString()}, inside the ${interval / 3600} h buckets of the request`,
  );
}

/** Series of an answer with one name and the same tags as far as we know them. */
interface Alike {
  readonly first: Series;
  readonly values: Map<number, Count>;
  /** Once there are several: what the vendor calls them may tell them apart, as with batch jobs. */
  byIdentity?: Map<string, Map<number, Count>>;
}

/** The values that a series of an answer has had so far. */
function valuesSeen(): (series: Series, tags: Tags) => Map<number, Count> {
  const groups = new Map<string, Alike>();
  return (series, tags) => {
    const key = `${series.name} ${seriesKey(tags)}`;
    const alike = groups.get(key);
    if (!alike) {
      const values = new Map<number, Count>();
      groups.set(key, { first: series, values });
      return values;
    }
    alike.byIdentity ??= new Map([[identityOf(alike.first), alike.values]]);
    const identity = identityOf(series);
    const values = alike.byIdentity.get(identity) ?? new Map<number, Count>();
    alike.byIdentity.set(identity, values);
    return values;
  };
}

function identityOf({ name, tags }: Series): string {
  const keys = Object.keys(tags).toSorted();
  return JSON.stringify([name, ...keys.map((key) => [key, tags[key]])]);
}

function drop(dropped: Dropped, reason: DropReason): void {
  dropped[reason] = (dropped[reason] ?? 0) + 1;
}
