import { FetchError } from '../../fetch/errors.ts';
import type { Count } from '../../usage/count.ts';
import type { Field, Tags, UsageRecord } from '../../usage/point.ts';
import type { DropReason } from '../provider.ts';
import type { UsageQuery } from './client.ts';
import type { Series } from './schema.ts';
import { HOUR } from '../../windows/units.ts';

const FIELD_OF: ReadonlyMap<string, Field> = new Map([
  ['PromptTokens', 'input_tokens'],
  ['CompletionTokens', 'output_tokens'],
]);

export type Dropped = Partial<Record<DropReason, number>>;

/** Whether the answer sums several endpoints into one total. */
export function isCombinedTotal(series: readonly Series[], { endpoints }: UsageQuery): boolean {
  return endpoints !== undefined && endpoints.length > 1 && series.some((one) => isTotal(one));
}

/**
 * Converts an answer that is not a combined total: `emit` receives one record per value, at the vendor's time.
 * @param scenes the requested ones
 * @returns the discarded values
 * @throws FetchError
 */
export function readRows(
  series: readonly Series[],
  query: UsageQuery,
  scenes: readonly string[],
  emit: (record: UsageRecord) => void,
): Dropped {
  refuseMixtures(series, query);
  const { window } = query;
  const dropped: Dropped = {};
  // Series that differ only in tags that points do not have, such as batch jobs, are summed.
  const valuesOf = new Map<string, Map<number, Count>>();
  for (const one of series) {
    const field = FIELD_OF.get(one.name);
    const tags = tagsOf(one, query, scenes);
    const requested = isRequested(one.tags, query);
    const identity = identityOf(one);
    const seen = valuesOf.get(identity) ?? new Map<number, Count>();
    valuesOf.set(identity, seen);
    for (const { Timestamp: time, Value: count } of one.values) {
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

function tagsOf({ tags }: Series, { project, endpoints }: UsageQuery, scenes: readonly string[]): Tags {
  // A series without the tag belongs to the only endpoint of the request. Project totals have no endpoint, so that
  // they are one series whether or not the vendor splits them.
  const endpoint = endpoints && (tags['EndpointId'] ?? endpoints[0]);
  const scene = tags['Scene'] ?? (scenes.length === 1 ? scenes[0] : undefined);
  return { project, ...(endpoint && { endpoint }), ...(scene && { scene }) };
}

/** Usage without an endpoint. A total of 0 needs no endpoint. */
function isTotal({ tags, values }: Series): boolean {
  return !tags['EndpointId'] && values.some(({ Value }) => Value !== 0);
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
    `Ark gave a value at ${new Date(time * 1000).toISOString()}, inside the ${interval / HOUR} h buckets of the request`,
  );
}

function identityOf({ name, tags }: Series): string {
  const keys = Object.keys(tags).toSorted();
  return JSON.stringify([name, ...keys.map((key) => [key, tags[key]])]);
}

function drop(dropped: Dropped, reason: DropReason): void {
  dropped[reason] = (dropped[reason] ?? 0) + 1;
}
