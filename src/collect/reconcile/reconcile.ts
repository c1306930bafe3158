import type { Partition } from '../../providers/provider.ts';
import { sumRecords, tokensOf } from '../../usage/aggregate.ts';
import { toCount, toInteger } from '../../usage/count.ts';
import { RECONCILIATION } from '../../usage/catalogue.ts';
import { DIMENSIONS, FIELDS, type Field, type Tag, type Tags, type UsageRecord } from '../../usage/point.ts';
import type { SumRow } from '../../store/store.ts';
import { seriesKey } from '../../usage/series.ts';
import { splitByDays } from '../../windows/calendar.ts';
import type { Window } from '../../windows/window.ts';
import { batchesOf } from '../poll/batches.ts';
import { maxDays, type JobContext } from '../context.ts';
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

export interface Reconciled {
  readonly window: Window;
  readonly rows: readonly Comparison[];
  readonly provider: bigint;
  readonly stored: bigint;
}

/** The provider has no totals other than the buckets themselves. */
export class NoTotals extends TokentideError {
  override readonly name = 'NoTotals';
  override readonly exitCode = 1;
  readonly kind = 'no_totals';
}

/**
 * Compares the provider's own totals of whole days with the sums of the stored buckets.
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
  const by = tagsIn(totals);
  const sums = await store.sums({ ...window, where: jobTags(job), by });
  const said = new Map(
    sumRecords(totals.map((record) => only(record, by))).map((r) => [seriesKey(r.tags), r]),
  );
  const held = new Map(sums.map((row) => [seriesKey(row.tags), row]));
  const rows = [...new Set([...said.keys(), ...held.keys()])]
    .map((key) => compare(said.get(key), held.get(key)))
    .filter(({ provider, stored, fields }) => provider !== 0n || stored !== 0n || fields.length > 0);
  return {
    window,
    rows: rows.toSorted((a, b) => (a.provider === b.provider ? 0 : a.provider > b.provider ? -1 : 1)),
    provider: rows.reduce((sum, row) => sum + row.provider, 0n),
    stored: rows.reduce((sum, row) => sum + row.stored, 0n),
  };
}

/** The days of a window with a row that is not `allowed`; each day is reconciled separately. */
export async function daysThatDiffer(
  context: JobContext,
  window: Window,
  partitions: readonly Partition[],
  allowed: (row: Comparison) => boolean,
  signal: AbortSignal,
): Promise<Window[]> {
  const days: Window[] = [];
  for (const day of splitByDays(window, 1, context.job.zone)) {
    const { rows } = await reconcile(context, day, partitions, signal);
    if (!rows.every(allowed)) days.push(day);
  }
  return days;
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

async function providerTotals(
  context: JobContext,
  window: Window,
  partitions: readonly Partition[],
  signal: AbortSignal,
): Promise<UsageRecord[]> {
  const { job, source, ledger } = context;
  const rangeEnd = ledger.jobs.of(job.name)?.rangeEnd;
  const records: UsageRecord[] = [];
  for (const span of splitByDays(window, maxDays(context), job.zone)) {
    for (const batch of batchesOf(partitions, source.batchSize)) {
      const request = { window: span, bucket: job.bucket, zone: job.zone, partitions: batch, signal };
      const totals = await source.totals?.({ ...request, ...(rangeEnd && { rangeEnd }) });
      if (!totals)
        throw new NoTotals(`${job.provider.title} has no totals other than the buckets themselves`);
      records.push(...totals);
    }
  }
  // Stored points carry pseudonyms, teams and `__other__`.
  const name = storedTags(context);
  return sumRecords(
    records.map(({ tags, fields }) => only({ time: window.start, tags: name(tags), fields }, DIMENSIONS)),
  );
}

/** The tags that every total has: both sides are grouped by them. */
function tagsIn(totals: readonly UsageRecord[]): Tag[] {
  return DIMENSIONS.filter((tag) => totals.length > 0 && totals.every(({ tags }) => tags[tag]));
}

function only(record: UsageRecord, by: readonly Tag[]): UsageRecord {
  const kept = by.flatMap((tag) => (record.tags[tag] ? [[tag, record.tags[tag]]] : []));
  return { ...record, tags: Object.fromEntries(kept) };
}

function compare(total: UsageRecord | undefined, sum: SumRow | undefined): Comparison {
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
