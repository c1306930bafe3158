import type { Partition } from '../../providers/provider.ts';
import { sumRecords, tokensOf } from '../../usage/aggregate.ts';
import { toCount, toInteger } from '../../usage/count.ts';
import { RECONCILIATION } from '../../usage/catalogue.ts';
import { DIMENSIONS, FIELDS, type Field, type Tag, type Tags, type UsageRecord } from '../../usage/point.ts';
import { seriesKey } from '../../usage/series.ts';
import { splitByDays } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { batchesOf } from '../poll/batches.ts';
import { maxDays, type JobContext } from '../context.ts';
import { activePartitions } from '../totals/diff.ts';
import { totalsOf } from '../totals/totals.ts';
import { jobTags } from '../job.ts';
import { deliver, spool } from '../delivery/deliver.ts';
import { storedTags } from '../delivery/to-points.ts';
import { TokentideError } from '../../lib/errors.ts';

/** One row of a reconciliation: the provider's total and the sum of the stored buckets. Tokens, exact. */
export interface Comparison {
  /** The tags of the provider's total: user and model, key, endpoint. */
  readonly tags: Tags;
  readonly provider: bigint;
  readonly stored: bigint;
  /** `stored - provider`. */
  readonly difference: bigint;
  /** The fields of the provider's total that differ from the stored sum: also those that are no tokens. */
  readonly fields: readonly FieldComparison[];
}

export interface FieldComparison {
  readonly field: Field;
  readonly provider: bigint;
  readonly stored: bigint;
}

/** All rows of a range, and their sums. */
export interface Comparisons {
  readonly window: Window;
  readonly rows: readonly Comparison[];
  readonly provider: bigint;
  readonly stored: bigint;
}

export interface Reconciled extends Comparisons {
  /** The days with a difference, each with only the rows that differ. */
  readonly days: readonly Comparisons[];
}

/** The provider has no totals other than the buckets themselves. */
export class NoTotals extends TokentideError {
  override readonly name = 'NoTotals';
  override readonly exitCode = 1;
  readonly kind = 'no_totals';
}

/**
 * Compares the provider's own totals of whole days with the sums of the stored buckets: over the range, and day by
 * day, since usage that has moved to another day changes no total of the range.
 * @throws NoTotals, FetchError, StoreError
 */
export async function reconcile(
  context: JobContext,
  window: Window,
  partitions: readonly Partition[],
  signal: AbortSignal,
): Promise<Reconciled> {
  const { job, store } = context;
  const totals = await providerTotals(context, window, partitions, signal);
  const by = tagsIn([...totals.range, ...totals.days]);
  const sums: UsageRecord[] = [];
  const days: Comparisons[] = [];
  for (const day of splitByDays(window, 1, job.zone)) {
    const rows = await store.sums({ ...day, where: jobTags(job), by });
    const stored = rows.map((row) => ({ ...row, time: window.start }));
    const reported = totals.days.filter(({ time }) => time === day.start);
    sums.push(...stored);
    const compared = compareAll(day, atStart(window, reported), stored, by);
    const differing = compared.rows.filter((row) => row.difference !== 0n || row.fields.length > 0);
    if (differing.length > 0) days.push({ ...compared, rows: differing });
  }
  return { ...compareAll(window, totals.range, sums, by), days };
}

/** Keeps the result in the ledger, for `status` and the metrics, and as a point in the store. */
export async function record(context: JobContext, result: Reconciled, differences: number): Promise<void> {
  const { job, ledger, now } = context;
  const { window, provider, stored } = result;
  ledger.reconciliations.add(job.name, {
    ...window,
    at: now(),
    provider: String(provider),
    stored: String(stored),
    differences,
  });
  const point = {
    measurement: RECONCILIATION.name,
    time: now(),
    tags: { provider: job.provider.id, account: job.account, job: job.name },
    fields: {
      provider_tokens: toCount(provider),
      stored_tokens: toCount(stored),
      difference: toInteger(stored - provider),
      from: window.start,
      to: window.end,
    },
  };
  const { kept } = await deliver(context, [point]);
  ledger.commit(() => spool(context, kept));
}

interface ProviderTotals {
  /** At the start of the window. */
  readonly range: readonly UsageRecord[];
  /** At the start of each day. */
  readonly days: readonly UsageRecord[];
}

/** Where a request returns one total, days cost requests of their own, and only partitions with usage make them. */
async function providerTotals(
  context: JobContext,
  window: Window,
  partitions: readonly Partition[],
  signal: AbortSignal,
): Promise<ProviderTotals> {
  const { job, source } = context;
  const spans = splitByDays(window, maxDays(context), job.zone);
  const answers = await requestTotals(context, spans, partitions, signal);
  // Stored points carry pseudonyms, teams and `__other__`.
  const name = storedTags(context);
  const stored = (records: readonly UsageRecord[]): UsageRecord[] =>
    records.map((record) => only({ ...record, tags: name(record.tags) }, DIMENSIONS));
  const range = stored(atStart(window, answers));
  const days = splitByDays(window, 1, job.zone);
  if (source.reads === 'series' || days.length === 1) return { range, days: stored(answers) };
  const active = activePartitions(partitions, totalsOf(answers));
  return { range, days: stored(await requestTotals(context, days, active, signal)) };
}

async function requestTotals(
  { job, source, ledger }: JobContext,
  windows: readonly Window[],
  partitions: readonly Partition[],
  signal: AbortSignal,
): Promise<UsageRecord[]> {
  const rangeEnd = ledger.jobs.of(job.name)?.rangeEnd;
  const records: UsageRecord[] = [];
  for (const window of windows) {
    for (const batch of batchesOf(partitions, source.batchSize)) {
      const request = { window, bucket: job.bucket, zone: job.zone, partitions: batch, signal };
      const totals = await source.totals?.({ ...request, ...(rangeEnd && { rangeEnd }) });
      if (!totals)
        throw new NoTotals(`${job.provider.title} has no totals other than the buckets themselves`);
      records.push(...totals);
    }
  }
  return records;
}

function atStart({ start }: Window, records: readonly UsageRecord[]): UsageRecord[] {
  return records.map((record) => ({ ...record, time: start }));
}

/** Both sides, summed by some tags. All records have the same time. */
function compareAll(
  window: Window,
  reported: readonly UsageRecord[],
  stored: readonly UsageRecord[],
  by: readonly Tag[],
): Comparisons {
  const sums = (records: readonly UsageRecord[]): Map<string, UsageRecord> =>
    new Map(sumRecords(records.map((record) => only(record, by))).map((sum) => [seriesKey(sum.tags), sum]));
  const [said, held] = [sums(reported), sums(stored)];
  const rows = [...new Set([...said.keys(), ...held.keys()])]
    .map((key) => compare(said.get(key), held.get(key)))
    .filter(({ provider, stored: sum, fields }) => provider !== 0n || sum !== 0n || fields.length > 0);
  return {
    window,
    rows: rows.toSorted((a, b) => (a.provider === b.provider ? 0 : a.provider > b.provider ? -1 : 1)),
    provider: rows.reduce((sum, row) => sum + row.provider, 0n),
    stored: rows.reduce((sum, row) => sum + row.stored, 0n),
  };
}

/** The tags that every total has: both sides are grouped by them. */
function tagsIn(totals: readonly UsageRecord[]): Tag[] {
  return DIMENSIONS.filter((tag) => totals.length > 0 && totals.every(({ tags }) => tags[tag]));
}

function only(record: UsageRecord, by: readonly Tag[]): UsageRecord {
  const kept = by.flatMap((tag) => (record.tags[tag] ? [[tag, record.tags[tag]]] : []));
  return { ...record, tags: Object.fromEntries(kept) };
}

function compare(total: UsageRecord | undefined, sum: UsageRecord | undefined): Comparison {
  const provider = total ? tokensOf(total.fields) : 0n;
  const stored = sum ? tokensOf(sum.fields) : 0n;
  const fields = FIELDS.filter((field) => (total ?? sum)?.fields[field] !== undefined)
    .map((field) => ({
      field,
      provider: BigInt(total?.fields[field] ?? 0),
      stored: BigInt(sum?.fields[field] ?? 0),
    }))
    .filter((one) => one.provider !== one.stored);
  return { tags: total?.tags ?? sum?.tags ?? {}, provider, stored, difference: stored - provider, fields };
}
