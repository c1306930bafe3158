import { ALL_PARTITIONS } from '../../ledger/gaps.ts';
import type { WriteResult } from '../../store/store.ts';
import { sameFields, tokensOf } from '../../usage/aggregate.ts';
import type { Point, UsageRecord } from '../../usage/point.ts';
import type { ReadonlyRecordIndex } from '../../usage/record-index.ts';
import { bucketEnd, bucketStart } from '../../windows/calendar.ts';
import { subtract } from '../../windows/intervals.ts';
import type { Window } from '../../windows/window.ts';
import type { JobContext } from '../context.ts';
import { deliver, droppedPoints, spool } from '../delivery/deliver.ts';
import { filterUnchanged } from '../delivery/filter-unchanged.ts';
import { markHeldBack } from '../delivery/held-back.ts';
import { toPoints, type Prepared } from '../delivery/to-points.ts';
import { failedGap } from '../gaps/failed-gap.ts';
import type { Batches } from './batches.ts';
import { readBefore } from './read-before.ts';
import type { WindowRead } from './window-read.ts';

/** One window on its way from the provider's answers to the store and the ledger. */
export class WindowWriter {
  /** The provider's last answers for the window, before this read. */
  readonly lastAnswers: ReadonlyRecordIndex;
  readonly #context: JobContext;
  readonly #read: WindowRead;
  readonly #readAt: number;
  /** The closed buckets of the window. */
  readonly #closed: Window;
  /** Buckets that start before this are final: once read, they are not compared any more. */
  #finalUntil: number;
  readonly #wasRead: (record: UsageRecord) => boolean;
  readonly #droppedBefore: number;
  /** As of the first request for the window: it must not change between two of its batches. */
  readonly #overwrites: boolean;

  /** @param readAt when the first request for the window went out, Unix seconds */
  constructor(context: JobContext, read: WindowRead, readAt: number) {
    const { job, ledger, store } = context;
    const { window, partitions } = read;
    this.#context = context;
    this.#read = read;
    this.#readAt = readAt;
    this.#closed = {
      start: window.start,
      end: Math.min(window.end, bucketStart(readAt, job.bucket, job.zone)),
    };
    this.#finalUntil = bucketStart(readAt - job.lookback, job.bucket, job.zone);
    this.lastAnswers = ledger.lastAnswers.of(job.name, window);
    this.#wasRead = readBefore(context, window, partitions);
    this.#droppedBefore = droppedPoints(context);
    this.#overwrites = store.overwrites;
  }

  /** The records that differ from the last answers. */
  changedOf(records: readonly UsageRecord[]): UsageRecord[] {
    return records.filter((record) => {
      const old = this.lastAnswers.get(record);
      return this.#read.force || !old || !sameFields(old.fields, record.fields);
    });
  }

  /** Normalises: what the store is to hold of the changed records, as far as it can take them now. */
  prepare(changed: readonly UsageRecord[]): Prepared {
    // A point that cannot be overwritten is written when its bucket is final.
    return toPoints(this.#context, this.#overwrites ? changed : []);
  }

  /** Writes the points that the store does not hold yet. */
  async write(points: readonly Point[]): Promise<WriteResult & { readonly unchanged: number }> {
    const { source } = this.#context;
    const { baseline, force, signal } = this.#read;
    // Bisecting has compared totals with the store already.
    const isCompared = source.reads === 'series' && baseline === 'store' && !force;
    const unsent = isCompared ? await filterUnchanged(this.#context, points, signal) : points;
    const result = await deliver(this.#context, unsent, signal);
    return { ...result, unchanged: points.length - unsent.length };
  }

  /** Moves the ledger for records whose points are stored, or are to be spooled. */
  commitRecords(changed: readonly UsageRecord[], { releasedParts }: Prepared, result: WriteResult): void {
    const { job, ledger, observe } = this.#context;
    const revised = changed.filter(this.#wasRead).length;
    const kept = this.#overwrites ? changed.filter(({ time }) => time >= this.#finalUntil) : changed;
    ledger.commit(() => {
      // Before the spool, which makes the ledger forget what it cannot hold.
      ledger.lastAnswers.put(job.name, kept);
      if (!this.#overwrites && kept.length > 0) markHeldBack(this.#context);
      spool(this.#context, result.kept);
      ledger.overflowParts.remove(job.name, releasedParts);
      for (const record of changed) this.#noteLateness(record);
      if (revised > 0) ledger.counters.add(job.name, 'revisions', revised);
    });
    if (revised > 0) observe({ type: 'revised', job: job.name, points: revised });
  }

  /** What the vendor calls final is final before the lookback has passed. */
  noteFinal({ answered, completeUntil }: Batches): void {
    if (answered.length === 0 || completeUntil < this.#closed.start) return;
    const { bucket, zone } = this.#context.job;
    const until = bucketStart(Math.min(completeUntil, this.#closed.end), bucket, zone);
    this.#finalUntil = Math.max(this.#finalUntil, until);
  }

  /** For a store that takes a point only once: writes the buckets that this read makes final. */
  async writeFinal(): Promise<WriteResult> {
    const { job, ledger } = this.#context;
    if (this.#overwrites || !this.#isClosed()) return { accepted: 0, rejected: [], kept: [] };
    const { points, releasedParts } = toPoints(
      this.#context,
      ledger.lastAnswers.of(job.name, this.#final()).values(),
    );
    const result = await deliver(this.#context, points, this.#read.signal);
    ledger.commit(() => ledger.overflowParts.remove(job.name, releasedParts));
    return result;
  }

  /** Moves the ledger for the window: it has been read, except by the partitions that failed. */
  commitWindow({ answered, failed }: Batches, kept: readonly Point[]): void {
    if (!this.#isClosed()) return;
    const { job, ledger, observe } = this.#context;
    const closed = this.#closed;
    ledger.commit(() => {
      spool(this.#context, kept);
      if (this.#read.allPartitions) this.#commitCheckpoint();
      const open = new Map(ledger.gaps.openOf(job.name).map((gap) => [gap.partition, gap]));
      for (const { id } of answered) if (open.has(id)) ledger.gaps.fill(job.name, id, closed);
      for (const gap of this.#read.backedOff ?? []) ledger.gaps.open(job.name, { ...gap, ...closed });
      for (const [{ id }, error] of failed) {
        const { attempts = 0, nextTry = 0 } = open.get(id) ?? {};
        // Several windows that fail in one poll are one attempt.
        const isSamePoll = attempts > 0 && nextTry > this.#readAt;
        const count = isSamePoll ? attempts : attempts + 1;
        ledger.gaps.open(job.name, failedGap(id, closed, error, count, this.#readAt));
      }
      ledger.lastAnswers.forget(job.name, this.#final());
    });
    for (const [{ id }, error] of failed) {
      observe({ type: 'gap', job: job.name, partition: id, window: closed, error });
    }
  }

  #commitCheckpoint(): void {
    const { job, ledger } = this.#context;
    const expelled = this.#expelled();
    const final = this.#final();
    ledger.checkpoints.add(job.name, { ...this.#closed, readAt: this.#readAt }, job.lookback);
    // What the vendor calls final counts as read at the age of its last read.
    const lastRead = final.end + job.lookback;
    if (final.start < final.end && lastRead > this.#readAt) {
      ledger.checkpoints.add(job.name, { ...final, readAt: lastRead }, job.lookback);
    }
    if (expelled.length > 0) ledger.checkpoints.remove(job.name, expelled);
    for (const part of subtract([this.#closed], expelled)) ledger.gaps.fill(job.name, ALL_PARTITIONS, part);
  }

  /** The buckets, of this window or another, that left the full spool after the window was opened. */
  #expelled(): Window[] {
    const { job, ledger } = this.#context;
    if (droppedPoints(this.#context) === this.#droppedBefore) return [];
    return ledger.gaps.of(job.name).filter(({ partition }) => partition === ALL_PARTITIONS);
  }

  /** Usage that this read was the first to show is counted at the age of the read. */
  #noteLateness(record: UsageRecord): void {
    const { job, ledger, ages } = this.#context;
    const age = Math.max(0, this.#readAt - bucketEnd(record.time, job.bucket, job.zone));
    const step = ages.find((one) => one >= age) ?? job.lookback;
    // Usage first read long after its bucket closed says nothing about when it arrived.
    if (!this.#wasRead(record) && step > (ages[1] ?? 0)) return;
    const old = this.lastAnswers.get(record);
    const grown = tokensOf(record.fields) - (old ? tokensOf(old.fields) : 0n);
    if (grown !== 0n) ledger.lateness.add(job.name, step, Math.abs(Number(grown)));
  }

  #isClosed(): boolean {
    return this.#closed.start < this.#closed.end;
  }

  #final(): Window {
    return { start: this.#closed.start, end: Math.min(this.#closed.end, this.#finalUntil) };
  }
}
