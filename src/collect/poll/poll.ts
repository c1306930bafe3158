import { ALL_PARTITIONS } from '../../ledger/gaps.ts';
import type { Partition } from '../../providers/provider.ts';
import type { UsageRecord } from '../../usage/point.ts';
import { splitByDays } from '../../windows/calendar.ts';
import { intersect } from '../../windows/intervals.ts';
import { maxDays, type JobContext } from '../context.ts';
import { drain } from '../delivery/deliver.ts';
import { retag } from '../delivery/retag.ts';
import { expireOld } from '../gaps/expiry.ts';
import { gapReads, selectPartitions } from '../gaps/select.ts';
import { fetchTotals } from '../totals/fetch-totals.ts';
import { checkClock } from './clock.ts';
import { fetchSeries } from './fetch-series.ts';
import { withOutageHandling, type PollReport } from './outage.ts';
import { discover } from './partitions.ts';
import { baselineOf, planJob, splitIntoSteps, urgentWindows } from './plan.ts';
import type { WindowRead } from './window-read.ts';
import { WindowWriter } from './window-writer.ts';

export type { PollReport };

export interface PollOptions {
  readonly signal: AbortSignal;
  /** Called before each gap and each step of the backlog: false leaves the rest to the next poll. */
  readonly mayContinue?: () => boolean;
  /** While points wait for the store, polls closer together than this are skipped, seconds. */
  readonly outageInterval?: number;
}

/**
 * One poll of one job: open bucket, due re-reads, gaps, backlog. Whatever fails becomes a gap or stays unread,
 * and the next poll plans it again. @throws FetchError `cancelled`; errors of the ledger
 */
export async function poll(context: JobContext, options: PollOptions): Promise<PollReport> {
  const { signal, mayContinue = () => true, outageInterval = 0 } = options;
  const { job, ledger, now } = context;
  const storeIsUp = await drain(context, signal);
  const at = now();
  const lastPoll = ledger.jobs.of(job.name)?.clock ?? 0;
  if (!storeIsUp && at - lastPoll < outageInterval) return { windows: 0, left: 0 };
  checkClock(context, at);
  await retag(context, signal);
  expireOld(context, at);
  const planned = planJob(context, at);
  return withOutageHandling(context, planned, async (done) => {
    const partitions = await discover(context, signal);
    for (const window of urgentWindows(context, planned)) {
      const selected = selectPartitions(context, partitions, window, now());
      await readWindow(context, { ...selected, window, allPartitions: true, baseline: 'ledger', signal });
      done();
    }
    const rest = [
      ...gapReads(context, partitions, now()).map((read) => ({ ...read, allPartitions: false })),
      ...splitIntoSteps(context, planned.backlog).map((window) => ({ window, allPartitions: true })),
    ];
    for (const [index, read] of rest.entries()) {
      // While the store is down only fresh data is read; the rest would fill the spool.
      if (!storeIsUp || !mayContinue()) return rest.length - index;
      const selected = selectPartitions(context, partitions, read.window, now());
      await readWindow(context, {
        ...selected,
        ...read,
        baseline: baselineOf(context, read.window),
        signal,
      });
      done();
    }
    return 0;
  });
}

/** Reads all gaps now, whatever their next try. */
export async function fillGaps(context: JobContext, { signal }: PollOptions): Promise<PollReport> {
  const { job, ledger, now } = context;
  const planned = planJob(context, now());
  return withOutageHandling(context, planned, async (done) => {
    const partitions = await discover(context, signal);
    const missing = intersect(
      ledger.gaps.openOf(job.name).filter(({ partition }) => partition === ALL_PARTITIONS),
      [...planned.due, ...planned.backlog, ...planned.open],
    );
    const windows = splitIntoSteps(
      context,
      missing.flatMap((window) => splitByDays(window, maxDays(context), job.zone)),
    );
    const reads: { window: WindowRead['window']; partitions: Partition[]; allPartitions: boolean }[] = [
      ...windows.map((window) => ({ window, partitions, allPartitions: true })),
      ...gapReads(context, partitions, Infinity).map((read) => ({ ...read, allPartitions: false })),
    ];
    for (const read of reads) {
      await readWindow(context, { ...read, baseline: baselineOf(context, read.window), signal });
      done();
    }
    return 0;
  });
}

/**
 * One window from the provider to the ledger: fetch, normalise, write, commit.
 * @throws ProviderDown, and FetchError of kind `cancelled`; then the ledger has not moved
 */
export async function readWindow(context: JobContext, read: WindowRead): Promise<void> {
  const { job, source, observe, now } = context;
  const writer = new WindowWriter(context, read, now());
  const fetchRecords = source.reads === 'totals' ? fetchTotals : fetchSeries;
  const batches = await fetchRecords(context, read, writer.lastAnswers, (records) =>
    storeRecords(context, writer, records),
  );
  for (const [reason, rows] of batches.dropped) observe({ type: 'dropped', job: job.name, reason, rows });
  const kept = await writer.writeFinal();
  writer.commitWindow(batches, kept);
}

async function storeRecords(
  { job, observe }: JobContext,
  writer: WindowWriter,
  records: readonly UsageRecord[],
): Promise<void> {
  const changed = writer.changedOf(records);
  const prepared = writer.prepare(changed);
  const result = await writer.write(prepared.points);
  writer.commitRecords(changed, prepared, result);
  observe({
    type: 'written',
    job: job.name,
    points: result.accepted,
    unchanged: records.length - changed.length + result.unchanged,
    rejected: result.rejected.length,
    kept: result.kept.length,
  });
}
