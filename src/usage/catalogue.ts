/**
 * All measurements, their tags and fields. Line protocol, SQLite tables, queries, the README tables and `tokentide
 * schema --points` follow from this table: a new tag or field is one line here.
 */

/**
 * `count`: integer from 0 to 2^63-1. `integer`: signed 64-bit integer. `float`: finite double.
 */
export type FieldKind = 'count' | 'integer' | 'float';

export interface FieldSpec {
  readonly kind: FieldKind;
  readonly unit: string;
  readonly meaning: string;
  /** Computed from the other fields when a point is made; never compared with a provider's answer. */
  readonly derived?: true;
}

export interface TagSpec {
  /** `job`: set by the job. `provider`: a dimension of the provider's usage. */
  readonly from: 'job' | 'provider';
  readonly meaning: string;
  /** A provider may report any number of values: `tag_limits` of a job limits them. */
  readonly unbounded?: true;
}

export interface Measurement<T extends string = string, F extends string = string> {
  readonly name: string;
  /** What the timestamp of a point is. */
  readonly time: string;
  readonly writer: string;
  readonly tags: Readonly<Record<T, TagSpec>>;
  readonly fields: Readonly<Record<F, FieldSpec>>;
  /** Sorted: the order of line protocol. */
  readonly tagNames: readonly T[];
  readonly fieldNames: readonly F[];
}

/** Measurements by name. */
export type Catalogue = ReadonlyMap<string, Measurement>;

export function defineMeasurement<T extends string, F extends string>(
  spec: Omit<Measurement<T, F>, 'tagNames' | 'fieldNames'>,
): Measurement<T, F> {
  const tagNames = (Object.keys(spec.tags) as T[]).toSorted();
  return { ...spec, tagNames, fieldNames: Object.keys(spec.fields) as F[] };
}

export function catalogueOf(...measurements: readonly Measurement[]): Catalogue {
  return new Map(measurements.map((measurement) => [measurement.name, measurement]));
}

/** @throws RangeError for a name that is not in the catalogue */
export function measurementNamed(catalogue: Catalogue, name: string): Measurement {
  const measurement = catalogue.get(name);
  if (!measurement) throw new RangeError(`unknown measurement: ${name}`);
  return measurement;
}

const count = (unit: string, meaning: string): FieldSpec => ({ kind: 'count', unit, meaning });
const job = (meaning: string): TagSpec => ({ from: 'job', meaning });
const dimension = (meaning: string): TagSpec => ({ from: 'provider', meaning });

const unbounded = (meaning: string): TagSpec => ({ from: 'provider', meaning, unbounded: true });

const PROVIDER = job('provider of the job');
const ACCOUNT = job('account of the job');
const OF_A_JOB = { provider: PROVIDER, account: ACCOUNT, job: job('name of the job') };

/** Usage, one point per series and bucket. */
export const USAGE = defineMeasurement({
  name: 'llm_token_usage',
  time: 'start of the bucket',
  writer: 'every poll and backfill',
  tags: {
    provider: PROVIDER,
    account: ACCOUNT,
    bucket: job('width of the bucket: 1h or 1d'),
    model: unbounded("the provider's model name"),
    user: unbounded("e-mail address, or the caller's own user id"),
    key: unbounded('id of the API key, never the key'),
    project: unbounded('project of the cloud account'),
    model_type: dimension('Trae: CUE or Chat'),
    model_source: dimension("Trae: built-in or the organisation's own model"),
    endpoint: unbounded('Ark: inference endpoint'),
    scene: dimension('Ark: inference scenario'),
    team: dimension("team of the user, from the job's teams file"),
  },
  // The ledger stores reported fields by position: add new ones at the end.
  fields: {
    tokens: {
      ...count('tokens', 'total_tokens if the provider reports it, else input_tokens + output_tokens'),
      derived: true,
    },
    input_tokens: count('tokens', 'input, cached input included'),
    output_tokens: count('tokens', 'output'),
    total_tokens: count('tokens', 'input and output, as reported by the provider'),
    cached_input_tokens: count('tokens', 'input read from a cache'),
    cache_write_tokens: count('tokens', 'input written to a cache'),
    requests: count('requests', 'requests'),
    images: count('images', 'generated images'),
  },
});

/** Results of `tokentide reconcile`. */
export const RECONCILIATION = defineMeasurement({
  name: 'llm_token_reconciliation',
  time: 'time of the comparison',
  writer: 'tokentide reconcile',
  tags: OF_A_JOB,
  fields: {
    provider_tokens: count('tokens', "the provider's own total of the range"),
    stored_tokens: count('tokens', 'sum of the stored points of the range'),
    difference: { kind: 'integer', unit: 'tokens', meaning: 'stored_tokens - provider_tokens' },
    from: { kind: 'integer', unit: 'Unix seconds', meaning: 'start of the range' },
    to: { kind: 'integer', unit: 'Unix seconds', meaning: 'end of the range, exclusive' },
  },
});

/** The state of a job after a poll. */
export const HEALTH = defineMeasurement({
  name: 'llm_collector_health',
  time: 'end of the poll',
  writer: 'every poll, best effort',
  tags: OF_A_JOB,
  fields: {
    polls_ok: count('polls', '1 if the poll succeeded, else 0'),
    polls_failed: count('polls', '1 if the poll failed, else 0'),
    calls_ok: count('requests', 'requests of this poll that succeeded'),
    calls_failed: count('requests', 'requests of this poll that failed, including those that were retried'),
    calls_denied: count('requests', 'failed requests with wrong credentials or without permission'),
    data_age_seconds: count('seconds', 'time since the end of the newest closed bucket that was read'),
    final_until: {
      kind: 'integer',
      unit: 'Unix seconds',
      meaning: 'end of the buckets that are final, without a hole since the start of the job',
    },
    bucket_seconds: count('seconds', 'width of the buckets of the job'),
    backlog_buckets: count('buckets', 'closed buckets that were never read'),
    gaps_open: count('gaps', 'missing windows that are retried'),
    gaps_expired: count('gaps', "missing windows beyond the provider's retention"),
    written_points: count('points', 'points stored by this poll'),
    rejected_points: count('points', 'points of this poll that the store rejected'),
    dropped_rows: count('rows', "rows of this poll's answers that were discarded"),
    revisions: count('points', 'points that this poll corrected'),
    mismatches: count('windows', "windows of this poll whose parts differ from the provider's total"),
    lookback_seconds: count('seconds', 'how long closed buckets are re-read'),
    lookback_advice_seconds: count(
      'seconds',
      'age at which 99.9 % of the tokens of a bucket had arrived; absent until enough was measured',
    ),
    held_back_points: count(
      'points',
      'points that wait for their bucket to be final, on stores that take each point once',
    ),
    spool_points: count('points', 'points of all jobs that wait for the store'),
  },
});

/** How urgent a verdict is. */
export const SEVERITIES = ['notice', 'page'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Verdicts of alert rules on the series of usage: dashboards draw them, Grafana's rules route them. */
export const ALERT = defineMeasurement({
  name: 'llm_token_alert',
  time: 'start of the judged bucket',
  writer: 'tokentide run, after each poll; best effort',
  tags: {
    ...USAGE.tags,
    rule: job('rule that was broken'),
    severity: job('notice or page'),
  },
  fields: {
    value: count('as the rule says', 'what was measured'),
    expected: count('as the rule says', 'what is usual'),
    limit: count('as the rule says', 'above which the rule raises an alert'),
    ratio: { kind: 'float', unit: '', meaning: 'value / expected' },
    state: count('', '0 closed, 1 notice, 2 page'),
  },
});

export const CATALOGUE = catalogueOf(USAGE, RECONCILIATION, HEALTH, ALERT);
