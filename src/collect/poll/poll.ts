import { FetchError } from '../../fetch/errors.ts';
import { LedgerError } from '../../ledger/database.ts';
import { ALL_PARTITIONS } from '../../ledger/gaps.ts';
import type { WriteResult } from '../../store/store.ts';
import type { UsageRecord } from '../../usage/point.ts';
import { splitByDays } from '../../windows/calendar.ts';
import { intersect } from '../../windows/intervals.ts';
import type { Plan } from '../../windows/planner.ts';
import { maxDays, type JobContext } from '../context.ts';
import { drain } from '../delivery/deliver.ts';
import { writeHeldBack } from '../delivery/held-back.ts';
import { retag } from '../delivery/retag.ts';
import { expireOld } from '../gaps/expiry.ts';
import { openOutageGap, openWindowGap } from '../gaps/open-gaps.ts';
import { gapReads, selectPartitions } from '../gaps/select.ts';
import { fetchTotals } from '../totals/fetch-totals.ts';
import { asFetchError } from './as-fetch-error.ts';
import { ProviderDown } from './batches.ts';
import { checkClock } from './clock.ts';
import { noteDropped, saveDropped } from './dropped.ts';
import { fetchSeries } from './fetch-series.ts';
import { discover, knownPartitions } from './partitions.ts';
import { baselineOf, hasWork, planJob, splitIntoSteps, urgentWindows } from './plan.ts';
import { saveProgress, startProgress } from './progress.ts';
import type { WindowRead } from './window-read.ts';
import { WindowWriter } from './window-writer.ts';

export interface PollOptions {
  readonly signal: AbortSignal;
  /** Called before each gap and each step of the backlog: false leaves the rest to the next poll. */
  readonly mayContinue?: () => boolean;
  /** While points wait for the store, polls closer together than this are skipped, seconds. */
  readonly outageInterval?: number;
}

export interface PollReport {
  /** Windows read. */
  readonly windows: number;
  /** Windows that wait for the next poll. */
  readonly left: number;
  /** Why the provider, or one of the windows, could not be read. */
  readonly error?: FetchError;
}

/** A window to be read, without what all windows of a poll have in common. */
type PlannedRead = Omit<WindowRead, 'progress' | 'signal'>;

/**
 * One poll of one job: open bucket, due re-reads, gaps, backlog. Whatever fails becomes a gap or stays unread,
 * and the next poll plans it again. @throws FetchError `cancelled`, LedgerError
 */
export async function poll(context: JobContext, options: PollOptions): Promise<PollReport> {
  const { signal, mayContinue = () => true, outageInterval = 0 } = options;
  const { job, ledger, observe, now } = context;
  const storeIsUp = await drain(context, signal);
  const at = now();
  const lastPoll = ledger.jobs.of(job.name)?.clock ?? 0;
  if (!storeIsUp && at - lastPoll < outageInterval) return { windows: 0, left: 0 };
  checkClock(context, at);
  await writeHeldBack(context, signal);
  await retag(context, signal);
  expireOld(context, at);
  const planned = planJob(context, at);
  if (!hasWork(context, planned, at)) return { windows: 0, left: 0 };
  return readPlanned(context, planned, signal, async (read) => {
    const partitions = await knownPartitions(context, signal);
    const urgent = urgentWindows(context, planned, at);
    if (planned.backlog.length > 0) {
      observe({ type: 'planned', job: job.name, windows: [...urgent, ...planned.backlog], partitions });
    }
    for (const window of urgent) {
      const selected = selectPartitions(context, partitions, window, now());
      await read({ ...selected, window, allPartitions: true, baseline: 'ledger' });
    }
    const rest = [
      // Nobody is backed off: a part of a gap that fails again must not reopen the parts that are filled after it.
      ...gapReads(context, partitions, now()).map((gap) => ({ ...gap, allPartitions: false, backedOff: [] })),
      ...splitIntoSteps(context, planned.backlog).map((window) => ({ window, allPartitions: true })),
    ];
    for (const [index, next] of rest.entries()) {
      // While the store is down only fresh data is read; the rest would fill the spool.
      if (!storeIsUp || !mayContinue()) return rest.length - index;
      const selected = selectPartitions(context, partitions, next.window, now());
      await read({ ...selected, ...next, baseline: baselineOf(context, next.window) });
    }
    return 0;
  });
}

/** Reads all gaps now, whatever their next try. @throws FetchError `cancelled`, LedgerError */
export async function fillGaps(context: JobContext, { signal }: PollOptions): Promise<PollReport> {
  const { job, ledger, now } = context;
  const planned = planJob(context, now(), Infinity);
  return readPlanned(context, planned, signal, async (read) => {
    const partitions = await discover(context, signal);
    const missing = intersect(
      ledger.gaps.openOf(job.name).filter(({ partition }) => partition === ALL_PARTITIONS),
      [...planned.due, ...planned.backlog, ...planned.open],
    );
    const windows = splitIntoSteps(
      context,
      missing.flatMap((window) => splitByDays(window, maxDays(context), job.zone)),
    );
    for (const window of windows) {
      await read({ window, partitions, allPartitions: true, baseline: baselineOf(context, window) });
    }
    for (const gap of gapReads(context, partitions, Infinity)) {
      await read({ ...gap, allPartitions: false, baseline: baselineOf(context, gap.window) });
    }
    return 0;
  });
}

/**
 * Runs the reads of one poll. A window that fails for an unexpected reason becomes a gap, and the others are read; while
 * the provider is down nothing more is. `work` resolves to the number of windows that it leaves to the next poll.
 */
async function readPlanned(
  context: JobContext,
  planned: Plan,
  signal: AbortSignal,
  work: (read: (planned: PlannedRead) => Promise<void>) => Promise<number>,
): Promise<PollReport> {
  const progress = startProgress(context);
  let windows = 0;
  let error: FetchError | undefined;
  try {
    const left = await work(async (read) => {
      const failure = await tryWindow(context, { ...read, progress, signal });
      error ??= failure;
      windows += 1;
    });
    saveProgress(context, progress, false);
    saveDropped(context, progress);
    return { windows, left, ...(error && { error }) };
  } catch (cause) {
    if (isFatal(cause, signal)) throw cause;
    error = asFetchError(cause instanceof ProviderDown ? cause.error : cause);
    openOutageGap(context, planned, error, context.now());
    // A listing is the cheapest way to see whether the provider is back.
    context.listing.at = undefined;
    saveProgress(context, progress, true);
    return { windows, left: planned.open.length + planned.due.length + planned.backlog.length, error };
  }
}

/** The unexpected error that has made the window a gap, or undefined. */
async function tryWindow(context: JobContext, read: WindowRead): Promise<FetchError | undefined> {
  try {
    await readWindow(context, read);
    return undefined;
  } catch (error) {
    if (isFatal(error, read.signal) || error instanceof FetchError || error instanceof ProviderDown)
      throw error;
    const unexpected = asFetchError(error);
    openWindowGap(context, read, unexpected, context.now());
    return unexpected;
  }
}

/** Without the ledger no gap can be noted, and a poll that is cancelled has none. */
function isFatal(error: unknown, signal: AbortSignal): boolean {
  return (
    signal.aborted ||
    error instanceof LedgerError ||
    (error instanceof FetchError && error.kind === 'cancelled')
  );
}

/**
 * One window from the provider to the ledger: fetch, normalise, write, commit.
 * @throws ProviderDown, and FetchError of kind `cancelled`; then the ledger has not moved
 */
export async function readWindow(context: JobContext, read: WindowRead): Promise<void> {
  const { source, store, now } = context;
  if (store.overwrites) await writeHeldBack(context, read.signal);
  const writer = new WindowWriter(context, read, now());
  const fetchRecords = source.reads === 'totals' ? fetchTotals : fetchSeries;
  const progress = read.progress ?? startProgress(context);
  const batches = await fetchRecords(context, { ...read, progress }, writer.lastAnswers, (records) =>
    storeRecords(context, writer, records),
  );
  const isRefused = [...batches.failed.values()].some(({ kind }) => kind === 'refused');
  if (isRefused || batches.dropped.has('unidentified')) context.listing.isDoubtful = true;
  noteDropped(context, progress, batches.dropped);
  writer.noteFinal(batches);
  const final = await writer.writeFinal();
  reportWritten(context, final, 0);
  writer.commitWindow(batches, final.kept);
}

async function storeRecords(
  context: JobContext,
  writer: WindowWriter,
  records: readonly UsageRecord[],
): Promise<void> {
  const changed = writer.changedOf(records);
  const prepared = writer.prepare(changed);
  const result = await writer.write(prepared.points);
  writer.commitRecords(changed, prepared, result);
  reportWritten(context, result, records.length - changed.length + result.unchanged);
}

function reportWritten({ job, observe }: JobContext, result: WriteResult, unchanged: number): void {
  const [points, rejected, kept] = [result.accepted, result.rejected.length, result.kept.length];
  if (points + rejected + kept + unchanged === 0) return;
  observe({ type: 'written', job: job.name, points, unchanged, rejected, kept });
}
