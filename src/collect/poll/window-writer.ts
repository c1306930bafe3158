import type { FetchError } from '../../fetch/errors.ts';
import { ALL_PARTITIONS, type Gap } from '../../ledger/gaps.ts';
import type { Partition } from '../../providers/provider.ts';
import { sameFields, tokensOf } from '../../usage/aggregate.ts';
import type { Point, UsageRecord } from '../../usage/point.ts';
import type { ReadonlyRecordIndex } from '../../usage/record-index.ts';
import { bucketEnd, bucketStart } from '../../windows/calendar.ts';
import { subtract } from '../../windows/intervals.ts';
import type { Window } from '../../windows/window.ts';
import type { JobContext } from '../context.ts';
import { deliver, droppedPoints, spool } from '../delivery/deliver.ts';
import { failedGap } from '../gaps/failed-gap.ts';
import { ownersOf } from './ownership.ts';
import { toPoints } from '../delivery/to-points.ts';
import { filterUnchanged } from '../delivery/filter-unchanged.ts';

/** One window on its way from the provider's answers to the store and the ledger. */
export interface WindowWriter {
  /** What was known of the window before. */
  readonly known: ReadonlyRecordIndex;
  /** Stores the records that differ from what is known; the rest is left alone. */
  accept(records: readonly UsageRecord[], signal?: AbortSignal): Promise<void>;
  /** Moves the ledger: the window has been read, except for the partitions that failed. */
  commit(outcome: Outcome, signal?: AbortSignal): Promise<void>;
}

export interface Outcome {
  readonly answered: readonly Partition[];
  readonly failed: ReadonlyMap<Partition, FetchError>;
  /** The gaps of partitions that were not asked, because their next try is still to come. */
  readonly backedOff: readonly Gap[];
  /** False for a read of some partitions only, which says nothing about the window as a whole. */
  readonly allPartitions: boolean;
}

export interface WindowWriterInput {
  readonly window: Window;
  /** The partitions that are asked. */
  readonly partitions: readonly Partition[];
  /** Store every record, known or not: for a store that has lost some. */
  readonly force?: boolean;
  /** The ledger has forgotten the window: the store itself is asked what it holds of it. */
  readonly filterUnchanged?: boolean;
}

/** @param readAt when the first request for the window went out, Unix seconds */
export function openWindowWriter(
  context: JobContext,
  { window, partitions, force = false, filterUnchanged: asksStore = false }: WindowWriterInput,
  readAt: number,
): WindowWriter {
  const { job, ledger, store, observe } = context;
  const openStart = bucketStart(readAt, job.bucket, job.zone);
  const closed = { start: window.start, end: Math.min(window.end, openStart) };
  /** Buckets that start before this are settled: once read, they are not compared any more. */
  const horizon = bucketStart(readAt - job.lookback, job.bucket, job.zone);
  const known = ledger.lastAnswers.of(job.name, window);
  const wasRead = readBefore(context, window, partitions);
  const droppedBefore = droppedPoints(context);

  async function accept(records: readonly UsageRecord[], signal?: AbortSignal): Promise<void> {
    const changed = records.filter((record) => {
      const old = known.get(record);
      return force || !old || !sameFields(old.fields, record.fields);
    });
    // Where a point cannot be overwritten, it waits among the known ones until its bucket has settled.
    const writes = store.overwrites ? changed : [];
    const revised = changed.filter(wasRead).length;
    const { points, releasedParts } = toPoints(context, writes);
    const unsent = asksStore ? await filterUnchanged(context, points, signal) : points;
    const result = await deliver(context, unsent, signal);

    ledger.commit(() => {
      // Before the spool, which makes the ledger forget what it cannot hold.
      ledger.lastAnswers.put(job.name, store.overwrites ? changed.filter((r) => r.time >= horizon) : changed);
      spool(context, result.kept);
      ledger.overflowParts.remove(job.name, releasedParts);
      for (const record of changed) noteLateness(record);
      if (revised > 0) ledger.counters.add(job.name, 'revisions', revised);
    });
    if (revised > 0) observe({ type: 'revised', job: job.name, points: revised });
    observe({
      type: 'written',
      job: job.name,
      points: result.accepted,
      unchanged: records.length - changed.length + points.length - unsent.length,
      rejected: result.rejected.length,
      kept: result.kept.length,
    });
  }

  async function commit(
    { answered, failed, backedOff, allPartitions }: Outcome,
    signal?: AbortSignal,
  ): Promise<void> {
    if (closed.start >= closed.end) return;
    const settled = { start: closed.start, end: Math.min(closed.end, horizon) };
    const kept = store.overwrites ? [] : await writeOnce(settled, signal);
    ledger.commit(() => {
      spool(context, kept);
      if (allPartitions) {
        const lost = overflown();
        ledger.checkpoints.add(job.name, { ...closed, readAt }, job.lookback);
        if (lost.length > 0) ledger.checkpoints.remove(job.name, lost);
        for (const part of subtract([closed], lost)) ledger.gaps.fill(job.name, ALL_PARTITIONS, part);
      }
      const gaps = ledger.gaps.of(job.name).filter((gap) => !gap.expired);
      const waiting = new Map(gaps.map((gap) => [gap.partition, gap]));
      for (const { id } of answered) if (waiting.has(id)) ledger.gaps.fill(job.name, id, closed);
      for (const gap of backedOff) ledger.gaps.open(job.name, { ...gap, ...closed });
      for (const [{ id }, error] of failed) {
        const { attempts = 0, nextTry = 0 } = waiting.get(id) ?? {};
        // Several windows that fail in one poll are one attempt.
        const again = attempts > 0 && nextTry > readAt ? attempts : attempts + 1;
        ledger.gaps.open(job.name, failedGap(id, closed, error, again, readAt));
      }
      ledger.lastAnswers.forget(job.name, settled);
    });
    for (const [{ id }, error] of failed) {
      observe({ type: 'gap', job: job.name, partition: id, window: closed, error });
    }
  }

  /** The buckets that left the full spool, of this window or another, after the window was opened. */
  function overflown(): Window[] {
    if (droppedPoints(context) === droppedBefore) return [];
    return ledger.gaps.of(job.name).filter(({ partition }) => partition === ALL_PARTITIONS);
  }

  /** For a store that takes a point only once: the buckets of the window that have settled by this read. */
  async function writeOnce(settled: Window, signal?: AbortSignal): Promise<readonly Point[]> {
    const records = ledger.lastAnswers.of(job.name, settled);
    const { points, releasedParts } = toPoints(context, records.values());
    const { kept } = await deliver(context, points, signal);
    ledger.commit(() => ledger.overflowParts.remove(job.name, releasedParts));
    return kept;
  }

  /** Usage that appeared at this read arrived some time before it: booked at the age of the read. */
  function noteLateness(record: UsageRecord): void {
    const age = Math.max(0, readAt - bucketEnd(record.time, job.bucket, job.zone));
    const step = context.ages.find((known) => known >= age) ?? job.lookback;
    // First seen long after the bucket closed, it says nothing about when it arrived.
    if (!wasRead(record) && step > (context.ages[1] ?? 0)) return;
    const old = known.get(record);
    const grown = tokensOf(record.fields) - (old ? tokensOf(old.fields) : 0n);
    if (grown !== 0n) ledger.lateness.add(job.name, step, Math.abs(Number(grown)));
  }

  return { known, accept, commit };
}

/**
 * Tells whether a record's bucket had been read before: after its close, from the record's partition, and not
 * so long ago that what it held then is forgotten.
 */
function readBefore(
  { job, ledger }: JobContext,
  window: Window,
  partitions: readonly Partition[],
): (record: UsageRecord) => boolean {
  const checkpoints = ledger.checkpoints.of(job.name, window);
  const gaps = ledger.gaps.of(job.name);
  const ownerOf = ownersOf(partitions);
  const owners = new Map(partitions.map(({ id, tags }) => [id, ownerOf(tags ?? {})]));
  const missed = new Map<string, Gap[]>();
  for (const gap of gaps) {
    const owner = owners.get(gap.partition);
    if (owner !== undefined) missed.set(owner, [...(missed.get(owner) ?? []), gap]);
  }
  const covers = ({ start, end }: Window, time: number): boolean => start <= time && time < end;
  const answers = new Map<number, boolean>();

  function compared(time: number): boolean {
    const read = checkpoints.find((one) => covers(one, time));
    const age = read && read.readAt - bucketEnd(time, job.bucket, job.zone);
    return age !== undefined && age >= 0 && age < job.lookback;
  }

  return ({ time, tags }) => {
    if (missed.get(ownerOf(tags))?.some((gap) => covers(gap, time))) return false;
    const answer = answers.get(time) ?? compared(time);
    answers.set(time, answer);
    return answer;
  };
}
