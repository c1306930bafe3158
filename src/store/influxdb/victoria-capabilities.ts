import { StoreError } from '../store.ts';
import type { Point } from '../../usage/point.ts';
import { ask, type QueryContext } from './read.ts';
import { DAY, HOUR } from '../../windows/units.ts';

/** The relevant flags of a VictoriaMetrics. */
export interface VictoriaCapabilities {
  /** False if the flags cannot be read; then the defaults are assumed. */
  readonly known: boolean;
  readonly deduplicates: boolean;
  /** Of two values for one point it keeps the larger one; before 1.85 either of them. */
  readonly keepsLarger: boolean;
  /** Its retention, milliseconds. */
  readonly retentionMs: number;
  readonly retention: string;
  /** Between measurement and field in the name of a metric. */
  readonly separator: string;
}

const HOUR_MS = HOUR * 1000;
const DAY_MS = DAY * 1000;
/** https://docs.victoriametrics.com/#retention: a bare number is months, of 31 days. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: HOUR_MS,
  d: DAY_MS,
  w: 7 * DAY_MS,
  M: 31 * DAY_MS,
  y: 365 * DAY_MS,
};

/** Reads the flags from the server's metrics. @throws StoreError of kind `config` if they would lose points */
export async function victoriaCapabilities(queryContext: QueryContext): Promise<VictoriaCapabilities> {
  const metrics = await metricsOf(queryContext);
  const flags = new Map(
    [...metrics.matchAll(/^flag\{name="([^"]+)", ?value="([^"]*)"/gm)].map(([, name, value]) => [
      name,
      value ?? '',
    ]),
  );
  const intervalMs = durationMs(flags.get('dedup.minScrapeInterval') ?? '0s', 1_000);
  const retention = flags.get('retentionPeriod') ?? '1';
  const capabilities: VictoriaCapabilities = {
    known: flags.size > 0,
    deduplicates: intervalMs > 0,
    keepsLarger: isAtLeast(metrics, [1, 85]),
    retentionMs: durationMs(retention, 31 * DAY_MS),
    retention,
    separator: flags.get('influxMeasurementFieldSeparator') ?? '_',
  };
  if (intervalMs > HOUR_MS) {
    throw refusal(
      queryContext,
      `-dedup.minScrapeInterval=${flags.get('dedup.minScrapeInterval')}`,
      'hourly points would be dropped',
      '1ms',
    );
  }
  for (const flag of ['influxSkipMeasurement', 'influxSkipSingleField']) {
    if (flags.get(flag) === 'true')
      throw refusal(queryContext, `-${flag}`, 'fields could not be distinguished', 'false');
  }
  return capabilities;
}

/** Remarks for the users of this server, one sentence each. */
export function victoriaRemarks(capabilities: VictoriaCapabilities): string[] {
  const remarks = [
    'VictoriaMetrics stores numbers as doubles: points with a count above 2^53-1 are rejected',
    `points older than the -retentionPeriod of VictoriaMetrics (${capabilities.retention}) are rejected`,
    'VictoriaMetrics acknowledges points before they are on disk: after a crash of the server, run `tokentide reconcile`',
  ];
  if (!capabilities.known)
    remarks.push('the flags of VictoriaMetrics cannot be read at /metrics: the defaults are assumed');
  if (!capabilities.deduplicates) {
    remarks.push(
      'deduplication is disabled: start VictoriaMetrics with -dedup.minScrapeInterval=1ms; until then only final buckets are written, because Grafana would count a point twice',
    );
  } else if (capabilities.keepsLarger) {
    remarks.push(
      'VictoriaMetrics keeps the larger of two values: a downward correction by a provider has no effect',
    );
  } else {
    remarks.push(
      'before 1.85 VictoriaMetrics keeps either of two values for one point: only final buckets are written; upgrade it for current values',
    );
  }
  return remarks;
}

/** Finds points that VictoriaMetrics would acknowledge and then drop or round. */
export function victoriaPrecheck(
  capabilities: VictoriaCapabilities,
  now: () => number,
): (point: Point) => string | undefined {
  return ({ time, fields }) => {
    for (const [field, value] of Object.entries(fields)) {
      if (typeof value === 'bigint' || Math.abs(value) > Number.MAX_SAFE_INTEGER)
        return `${field} is above 2^53-1, VictoriaMetrics would round it: ${value}`;
    }
    if (time * 1_000 < now() - capabilities.retentionMs)
      return `older than the -retentionPeriod of VictoriaMetrics (${capabilities.retention})`;
    if (time * 1_000 > now() + 2 * DAY_MS)
      return 'more than two days in the future, VictoriaMetrics would drop it';
    return undefined;
  };
}

/** Empty if access to the metrics is refused. */
async function metricsOf(queryContext: QueryContext): Promise<string> {
  try {
    return await ask(queryContext, '/metrics');
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'config') return '';
    throw error;
  }
}

function isAtLeast(metrics: string, [major, minor]: readonly [number, number]): boolean {
  const [, m = '0', n = '0'] =
    /^vm_app_version\{[^}]*short_version="v?([0-9]+)\.([0-9]+)/m.exec(metrics) ?? [];
  return Number(m) > major || (Number(m) === major && Number(n) >= minor);
}

/** `1ms`, `2h0m0s`, or a number without a unit. */
function durationMs(text: string, bareMs: number): number {
  let sum = 0;
  for (const [, digits = '', unit = ''] of text.matchAll(/([0-9.]+)(ms|[smhdwMy])?/g)) {
    sum += Number(digits) * (UNIT_MS[unit] ?? bareMs);
  }
  return sum;
}

function refusal({ connection }: QueryContext, flag: string, why: string, instead: string): StoreError {
  return new StoreError('config', `${connection.description} was started with ${flag}: ${why}`, {
    hint: `start it with ${flag.replace(/=.*/, '')}=${instead}`,
  });
}
