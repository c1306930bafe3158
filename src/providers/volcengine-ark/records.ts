import { FetchError } from '../../fetch/errors.ts';
import type { Count } from '../../usage/count.ts';
import type { Field, Tags, UsageRecord } from '../../usage/point.ts';
import type { DropReason } from '../provider.ts';
import type { UsageQuestion } from './client.ts';
import type { Series } from './schema.ts';

const FIELD_OF: Readonly<Record<string, Field>> = {
  PromptTokens: 'input_tokens',
  CompletionTokens: 'output_tokens',
};

export type Dropped = Partial<Record<DropReason, number>>;

export interface Rows {
  /** One record per value, at the vendor's own time, tagged `project` and, where known, `endpoint` and `scene`. */
  readonly records: UsageRecord[];
  readonly dropped: Dropped;
}

/** Whether the answer holds usage of several endpoints that nobody can take apart. */
export function isUndivided(series: readonly Series[], { endpoints }: UsageQuestion): boolean {
  return endpoints !== undefined && endpoints.length > 1 && series.some((one) => isTotal(one));
}

/** What an answer that is not undivided says about the question. `scenes` are the ones asked for. @throws FetchError */
export function toRows(series: readonly Series[], question: UsageQuestion, scenes: readonly string[]): Rows {
  refuseMixtures(series, question);
  const records: UsageRecord[] = [];
  const dropped: Dropped = {};
  const seen = new Map<string, Count>();
  for (const { name, tags, values } of series) {
    const field = FIELD_OF[name];
    const recordTags = tagsOf(tags, question, scenes);
    const identity = seriesOf(name, tags);
    for (const { time, count } of values) {
      if (time < question.window.start || time >= question.window.end) drop(dropped, 'outside_window');
      else if (!field) drop(dropped, 'unknown_type');
      else if (!isAsked(tags, question)) drop(dropped, 'unidentified');
      else if (repeats(seen, `${time} ${identity}`, count)) drop(dropped, 'duplicate');
      else {
        refuseOddTimes(time, question);
        records.push({ time, tags: recordTags, fields: { [field]: count } });
      }
    }
  }
  return { records, dropped };
}

export function addDropped(sum: Dropped, dropped: Dropped): void {
  for (const [reason, count] of Object.entries(dropped) as [DropReason, number][])
    sum[reason] = (sum[reason] ?? 0) + count;
}

function tagsOf(
  tags: Series['tags'],
  { project, endpoints }: UsageQuestion,
  scenes: readonly string[],
): Tags {
  // A series without the tag belongs to the one that was asked for. Project totals stay without endpoints, so
  // that they are the same series whether or not the vendor splits them.
  const endpoint = endpoints && (tags['EndpointId'] ?? endpoints[0]);
  const scene = tags['Scene'] ?? (scenes.length === 1 ? scenes[0] : undefined);
  return { project, ...(endpoint ? { endpoint } : {}), ...(scene ? { scene } : {}) };
}

/** Usage of everything that was asked for; a total of nothing leaves nothing to take apart. */
function isTotal({ tags, values }: Series): boolean {
  return !tags['EndpointId'] && values.some(({ count }) => count !== 0);
}

function isAsked(tags: Series['tags'], { endpoints }: UsageQuestion): boolean {
  const endpoint = tags['EndpointId'];
  if (!endpoints) return true;
  return endpoint ? endpoints.includes(endpoint) : endpoints.length === 1;
}

function refuseMixtures(series: readonly Series[], { project }: UsageQuestion): void {
  if (!series.some((one) => isTotal(one)) || !series.some(({ tags }) => tags['EndpointId'])) return;
  throw new FetchError(
    'bad_answer',
    `Ark mixed totals with series of single endpoints for project ${project}`,
  );
}

/** Whether the value was there before; two different values for one series and time cannot both be right. */
function repeats(seen: Map<string, Count>, key: string, count: Count): boolean {
  const before = seen.get(key);
  seen.set(key, count);
  if (before === undefined || before === count) return before !== undefined;
  throw new FetchError(
    'bad_answer',
    `Ark gave one series two values at the same time: ${before} and ${count}`,
  );
}

function refuseOddTimes(time: number, { window, interval }: UsageQuestion): void {
  if ((time - window.start) % interval === 0) return;
  throw new FetchError(
    'bad_answer',
    `Ark gave a value at ${new Date(time * 1000).toISOString()}, inside the ${interval / 3600} h buckets that were asked for`,
  );
}

function seriesOf(name: string, tags: Series['tags']): string {
  const keys = Object.keys(tags).toSorted();
  return JSON.stringify([name, ...keys.map((key) => [key, tags[key]])]);
}

function drop(dropped: Dropped, reason: DropReason): void {
  dropped[reason] = (dropped[reason] ?? 0) + 1;
}
