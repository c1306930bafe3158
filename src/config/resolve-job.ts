import { isAbsolute, join } from 'node:path';
import type { Job } from '../collect/job.ts';
import type { Dataset, Provider, RateLimit } from '../providers/provider.ts';
import { validateSchedule } from '../schedule/expression.ts';
import { BUCKETS, type Bucket } from '../windows/window.ts';
import { readTextFile } from './environment.ts';
import type { FieldDiagnostic } from './errors.ts';
import type { JobFields } from './job-schema.ts';
import { resolveRange } from './range.ts';
import { parseTeams } from './teams.ts';

export interface ResolveInput {
  readonly provider: Provider;
  /** Provider options as parsed by its schema. */
  readonly options: unknown;
  /** Unix seconds. */
  readonly now: number;
  /** Base of relative paths. */
  readonly folder: string;
}

/** Errors, an enabled job, or the reason why it is disabled. */
export interface Resolution {
  readonly diagnostics: readonly FieldDiagnostic[];
  readonly job?: Job;
  readonly off?: string;
}

/** Resolves what depends on the provider, the calendar and other files, and validates across keys. */
export function resolveJob(fields: JobFields, { provider, options, now, folder }: ResolveInput): Resolution {
  const dataset = provider.datasets.find(({ id }) => id === (fields.dataset ?? provider.datasets[0].id));
  const bucket = fields.bucket ?? (dataset ?? provider.datasets[0]).defaultBucket;
  const zone = fields.zone ?? provider.zone;
  const schedule = validateSchedule(fields.schedule, fields.schedule_zone);
  const range = resolveRange({ start: fields.start, end: fields.end, bucket, zone, now });
  const teams = fields.teams === undefined ? {} : readTeams(fields.teams, folder);
  const diagnostics = [
    ...(dataset ? [] : [unknownDataset(fields.dataset, provider)]),
    ...(dataset && options !== undefined ? unsupportedBucket(bucket, provider, options, dataset) : []),
    ...(schedule === undefined ? [] : [{ path: ['schedule'], message: `schedule: ${schedule}` }]),
    ...('diagnostics' in range ? range.diagnostics : []),
    ...('diagnostics' in teams ? teams.diagnostics : []),
  ];
  if (!dataset || diagnostics.length > 0 || 'diagnostics' in range || 'diagnostics' in teams)
    return { diagnostics };
  if (range.ended !== undefined) return { diagnostics, off: `it ended at ${range.ended} (${zone})` };
  const job: Job = {
    name: fields.name,
    provider,
    account: fields.account,
    dataset: dataset.id,
    schedule: fields.schedule,
    scheduleZone: fields.schedule_zone,
    bucket,
    zone,
    start: range.start,
    ...(range.end === undefined ? {} : { end: range.end }),
    lookback: fields.lookback,
    ...(fields.retention === undefined ? {} : { retention: fields.retention }),
    options,
    rate: rateOf(fields.rate_limit, provider.rate),
    tagLimits: fields.tag_limits,
    ...(fields.pseudonymise_users ? { pseudonymKey: fields.pseudonymise_users.key } : {}),
    ...teams,
  };
  return { diagnostics, job };
}

function unsupportedBucket(
  bucket: Bucket,
  provider: Provider,
  options: unknown,
  dataset: Dataset,
): FieldDiagnostic[] {
  const buckets = provider.buckets(options, dataset.id);
  if (buckets[bucket]) return [];
  const has = BUCKETS.filter((width) => buckets[width]).join(' and ');
  const message = `bucket: ${provider.id} does not support ${bucket}`;
  return [{ path: ['bucket'], message, hint: `it supports ${has}` }];
}

function unknownDataset(dataset: string | undefined, { id, datasets }: Provider): FieldDiagnostic {
  const hint = `it has ${datasets.map((known) => known.id).join(' and ')}`;
  return { path: ['dataset'], message: `dataset: ${id} has no dataset "${dataset}"`, hint };
}

function rateOf({ per_second, concurrency }: JobFields['rate_limit'], rate: RateLimit): RateLimit {
  if (per_second === undefined && concurrency === undefined) return rate;
  return {
    perSecond: per_second ?? rate.perSecond,
    concurrency: concurrency ?? rate.concurrency,
    source: 'rate_limit in the job file',
  };
}

function readTeams(
  path: string,
  folder: string,
): Pick<Job, 'teams'> | { readonly diagnostics: FieldDiagnostic[] } {
  const read = readTextFile(isAbsolute(path) ? path : join(folder, path));
  if ('problem' in read) {
    const hint = 'the path is relative to this file';
    return {
      diagnostics: [{ path: ['teams'], message: `teams: ${path} cannot be read (${read.problem})`, hint }],
    };
  }
  try {
    return { teams: parseTeams(read.text, path) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const faults = error.message.split('\n');
    return { diagnostics: faults.map((fault) => ({ path: ['teams'], message: `teams: ${fault}` })) };
  }
}
