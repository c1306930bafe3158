import { ALL_PARTITIONS } from '../../ledger/gaps.ts';
import type { Partition } from '../../providers/provider.ts';
import type { Store } from '../../store/store.ts';
import { tokensOf, zeros } from '../../usage/aggregate.ts';
import type { Point, Tags } from '../../usage/point.ts';
import { createRecordIndex, type ReadonlyRecordIndex } from '../../usage/record-index.ts';
import type { Window } from '../../windows/window.ts';
import type { JobContext } from '../context.ts';
import { jobTags } from '../job.ts';
import { deliver, spool } from '../delivery/deliver.ts';
import { storedTags } from '../delivery/to-points.ts';
import { ownersOf } from '../poll/ownership.ts';
import { readWindow } from '../poll/poll.ts';
import { DAY } from '../../windows/units.ts';

export type UnreportedReason =
  /** The day is older than the provider's retention: it no longer knows the usage. */
  | 'retention'
  /** The provider reports no usage at all on that day. */
  | 'whole_day'
  /** The user, key or endpoint is no longer listed, so the provider was not asked about it. */
  | 'not_listed'
  /** The store does not overwrite points. */
  | 'store';

/** Stored usage of a day that the provider does not report, and that was not changed. */
export interface Unreported {
  readonly window: Window;
  readonly reason: UnreportedReason;
  readonly points: number;
  readonly tokens: bigint;
}

export interface RepairOptions {
  /** Set stored usage to zero also where the provider may have forgotten it. */
  readonly dropUnreported: boolean;
  readonly signal: AbortSignal;
}

/**
 * Reads days again, writes every point that the provider reports, and sets stored points to zero that it does not
 * report. Usage of partitions that failed is not touched. Resolves to what is left unreported.
 * @throws ProviderDown, StoreError
 */
export async function repair(
  context: JobContext,
  days: readonly Window[],
  partitions: readonly Partition[],
  options: RepairOptions,
): Promise<Unreported[]> {
  const left: Unreported[] = [];
  for (const window of days) left.push(...(await repairDay(context, window, partitions, options)));
  return left;
}

async function repairDay(
  context: JobContext,
  window: Window,
  partitions: readonly Partition[],
  { dropUnreported, signal }: RepairOptions,
): Promise<Unreported[]> {
  const { job, ledger } = context;
  const { store, written } = recordWrites(context.store);
  await readWindow(
    { ...context, store },
    { window, partitions, allPartitions: true, baseline: 'ledger', force: true, signal },
  );
  const gaps = ledger.gaps.openOf(job.name).filter((gap) => gap.start < window.end && window.start < gap.end);
  const answerOf = answersBy(context, partitions, new Set(gaps.map(({ partition }) => partition)));
  const dayReason = reasonToKeep(context, window, written);
  const erased: Point[] = [];
  const kept = new Map<UnreportedReason, Point[]>();
  for (const point of await storedOnly(context, window, written)) {
    const answer = answerOf(point.tags);
    if (answer === 'failed') continue;
    const reason = dayReason ?? (answer === 'not_listed' ? answer : undefined);
    if (!reason || (dropUnreported && reason !== 'store')) {
      erased.push({ ...point, fields: zeros(point.fields) });
    } else kept.set(reason, [...(kept.get(reason) ?? []), point]);
  }
  const result = await deliver(context, erased, signal);
  ledger.commit(() => spool(context, result.kept));
  return [...kept].map(([reason, points]) => ({
    window,
    reason,
    points: points.length,
    tokens: points.reduce((sum, { fields }) => sum + tokensOf(fields), 0n),
  }));
}

/** The store, with the points written to it. */
function recordWrites(store: Store): { store: Store; written: ReadonlyRecordIndex } {
  const written = createRecordIndex();
  const write: Store['write'] = (points, ...rest) => {
    for (const point of points) written.add(point, (_, later) => later);
    return store.write(points, ...rest);
  };
  return { store: { ...store, write }, written };
}

/** Stored points of the window with usage that were not written again. */
async function storedOnly(
  { job, store }: JobContext,
  window: Window,
  written: ReadonlyRecordIndex,
): Promise<Point[]> {
  const points = await store.points({ ...window, where: jobTags(job) });
  return points.filter((point) => !written.has(point) && hasUsage(point));
}

function reasonToKeep(
  { job, store, now }: JobContext,
  window: Window,
  written: ReadonlyRecordIndex,
): UnreportedReason | undefined {
  if (!store.overwrites) return 'store';
  const retention = job.retention ?? (job.provider.retentionDays ?? Infinity) * DAY;
  if (window.start < now() - retention) return 'retention';
  const isReported = written
    .values()
    .some((point) => point.time >= window.start && point.time < window.end && hasUsage(point));
  return isReported ? undefined : 'whole_day';
}

type Answer = 'answered' | 'failed' | 'not_listed';

/** Tells whether the provider answered for the partition that stored tags belong to. */
function answersBy(
  context: JobContext,
  partitions: readonly Partition[],
  failed: ReadonlySet<string>,
): (tags: Tags) => Answer {
  if (failed.has(ALL_PARTITIONS)) return () => 'failed';
  if (partitions.some(({ tags }) => tags === undefined))
    return () => (failed.size > 0 ? 'failed' : 'answered');
  const named = storedTags(context);
  const ownerOf = ownersOf(partitions);
  const answers = new Map<string, Answer>();
  for (const { id, tags = {} } of partitions) {
    // Several users may be stored as one: `__other__`.
    const owner = ownerOf(named(tags)).toLowerCase();
    if (failed.has(id)) answers.set(owner, 'failed');
    else if (!answers.has(owner)) answers.set(owner, 'answered');
  }
  return (tags) => answers.get(ownerOf(tags).toLowerCase()) ?? 'not_listed';
}

function hasUsage({ fields }: Pick<Point, 'fields'>): boolean {
  return Object.values(fields).some((count) => count !== 0);
}
