import { FetchError } from '../../fetch/errors.ts';
import { ALL_PARTITIONS, type Gap } from '../../ledger/gaps.ts';
import { bucketStart, splitByDays } from '../../windows/calendar.ts';
import { intersect, subtract } from '../../windows/intervals.ts';
import { plan, type Plan } from '../../windows/planner.ts';
import type { Window } from '../../windows/window.ts';
import { ProviderDown } from './batches.ts';
import { maxDays, type JobContext } from '../context.ts';
import { drain, SPOOL_FULL } from '../delivery/deliver.ts';
import { discover } from './partitions.ts';
import { failedGap } from '../gaps/failed-gap.ts';
import { selectPartitions, gapReads } from '../gaps/select.ts';
import { expireOld } from '../gaps/expiry.ts';
import { retag } from '../delivery/retag.ts';
import { readWindow } from './read-window.ts';

/** A back-fill of totals goes in steps of this many days, so that it resumes close to where it was stopped. */
const TOTALS_STEP_DAYS = 30;
/** A wall clock may step back this far (NTP) without anything being doubted. */
const CLOCK_TOLERANCE = 60;
const HOUR = 3600;
/** A clock that was ahead by more than an hour may have been so for this long, seconds. */
const LONGEST_WRONG = 30 * 24 * HOUR;

export interface PollOptions {
  readonly signal: AbortSignal;
  /** Asked before each gap and each step of the backlog: false leaves the rest for the next poll. */
  readonly mayContinue?: () => boolean;
  /** While points wait for the store, polls closer together than this are left out, seconds. */
  readonly outageInterval?: number;
}

export interface PollReport {
  /** Windows read. */
  readonly windows: number;
  /** Windows that wait for the next poll. */
  readonly left: number;
  /** Why the provider could not be read to the end. */
  readonly error?: FetchError;
}

/**
 * One poll of one job: open bucket, due re-reads, gaps, backlog. Whatever fails becomes a gap or stays unread,
 * and is planned again by the next poll; only cancellation throws.
 */
export async function poll(context: JobContext, options: PollOptions): Promise<PollReport> {
  const { signal, mayContinue = () => true, outageInterval = 0 } = options;
  const { job, ledger, now } = context;
  const storeIsUp = await drain(context, signal);
  const lastPoll = ledger.jobs.of(job.name)?.clock ?? 0;
  if (!storeIsUp && now() - lastPoll < outageInterval) return { windows: 0, left: 0 };
  watchClock(context);
  await retag(context, signal);
  expireOld(context);
  const planned = planJob(context);
  return withOutageHandling(context, planned, async (done) => {
    const partitions = await discover(context, signal);
    for (const window of urgent(context, planned)) {
      const asked = selectPartitions(context, partitions, window);
      await readWindow(context, { ...asked, window, allPartitions: true, baseline: 'ledger', signal });
      done();
    }
    const rest = [
      ...gapReads(context, partitions).map((read) => ({ ...read, allPartitions: false })),
      ...splitIntoSteps(context, planned.backlog).map((window) => ({ window, allPartitions: true })),
    ];
    for (const [index, read] of rest.entries()) {
      // A store that is down gets what keeps data fresh; the rest would only fill the spool.
      if (!storeIsUp || !mayContinue()) return rest.length - index;
      await readWindow(context, {
        ...selectPartitions(context, partitions, read.window),
        ...read,
        baseline: isRecent(context, read.window) ? 'ledger' : 'store',
        signal,
      });
      done();
    }
    return 0;
  });
}

/** Tries all gaps now, whatever their next try. */
export async function fillGaps(context: JobContext, { signal }: PollOptions): Promise<PollReport> {
  const planned = planJob(context);
  return withOutageHandling(context, planned, async (done) => {
    const partitions = await discover(context, signal);
    const missing = intersect(context.ledger.gaps.of(context.job.name).filter(isMissing), [
      ...planned.due,
      ...planned.backlog,
      ...planned.open,
    ]);
    const whole = splitIntoSteps(
      context,
      missing.flatMap((window) => splitByDays(window, maxDays(context), context.job.zone)),
    );
    const reads = [
      ...whole.map((window) => ({ window, partitions, allPartitions: true, signal })),
      ...gapReads(context, partitions, true).map((read) => ({ ...read, allPartitions: false, signal })),
    ];
    for (const read of reads) {
      await readWindow(context, {
        ...read,
        baseline: isRecent(context, read.window) ? 'ledger' : 'store',
      });
      done();
    }
    return 0;
  });
}

const isMissing = (gap: Gap): boolean => gap.partition === ALL_PARTITIONS && !gap.expired;

/** Runs the reads of one poll; what the provider keeps from being read stays planned, and is noted. */
async function withOutageHandling(
  context: JobContext,
  planned: Plan,
  work: (done: () => void) => Promise<number>,
): Promise<PollReport> {
  let windows = 0;
  try {
    const left = await work(() => void (windows += 1));
    return { windows, left };
  } catch (error) {
    const cause = error instanceof ProviderDown ? error.error : error;
    if (!(cause instanceof FetchError) || cause.kind === 'cancelled') throw cause;
    noteOutage(context, planned, cause);
    return { windows, left: planned.open.length + planned.due.length + planned.backlog.length, error: cause };
  }
}

/** What the job has to read now, as the ledger has it. Pure but for the look into the ledger. */
export function planJob(context: JobContext): Plan {
  const { job, ledger, ages, now } = context;
  const storeWaits = ledger.spool.oldest(job.name, 1).length > 0;
  return plan({
    now: now(),
    start: job.start,
    ...(job.end !== undefined && { end: job.end }),
    bucket: job.bucket,
    zone: job.zone,
    lookback: job.lookback,
    ages,
    maxDays: maxDays(context),
    checkpoints: ledger.checkpoints.of(job.name),
    // What the full spool gave up is read again when the store has taken the rest.
    postponed: ledger.gaps
      .of(job.name)
      .filter(
        (gap) => gap.partition === ALL_PARTITIONS && (gap.expired || (gap.kind === SPOOL_FULL && storeWaits)),
      ),
  });
}

/**
 * Open bucket and due re-reads. One total over all of them costs a provider of totals no more than each alone, as
 * long as it does not reach over what is settled, and no longer compared, or over the backlog.
 */
function urgent(context: JobContext, { open, due, backlog }: Plan): Window[] {
  const { job, source, ledger } = context;
  const windows = [...open, ...due];
  if (source.reads === 'series' || windows.length < 2) return windows;
  const hull = {
    start: Math.min(...windows.map(({ start }) => start)),
    end: Math.max(...windows.map(({ end }) => end)),
  };
  const settled = ledger.checkpoints.of(job.name).map(({ start, end, readAt }) => ({
    start,
    end: Math.min(end, bucketStart(readAt - job.lookback, job.bucket, job.zone)),
  }));
  return subtract([hull], [...settled, ...backlog])
    .flatMap((window) => splitByDays(window, maxDays(context), job.zone))
    .toReversed();
}

/** The windows of a long read, cut so that it resumes close to where it was stopped. */
export function splitIntoSteps({ job, source }: JobContext, windows: readonly Window[]): Window[] {
  if (source.reads === 'series') return [...windows];
  return windows.flatMap((window) => splitByDays(window, TOTALS_STEP_DAYS, job.zone).toReversed());
}

/** The provider is out of reach: the closed buckets that should have been read by now are a gap of the whole window. */
function noteOutage(context: JobContext, { open, due }: Plan, error: FetchError): void {
  const { job, ledger, observe, now } = context;
  const closed = { start: job.start, end: bucketStart(now(), job.bucket, job.zone) };
  const missing = subtract(intersect([...open, ...due], [closed]), ledger.checkpoints.of(job.name));
  if (missing.length === 0) return;
  const attempts =
    1 + (ledger.gaps.of(job.name).find((gap) => gap.partition === ALL_PARTITIONS)?.attempts ?? 0);
  ledger.commit(() => {
    for (const window of missing) {
      // The open bucket of the next poll tries the provider; as soon as it answers, everything is read.
      ledger.gaps.open(job.name, {
        ...failedGap(ALL_PARTITIONS, window, error, attempts, now()),
        nextTry: now(),
      });
    }
  });
  for (const window of missing)
    observe({ type: 'gap', job: job.name, partition: ALL_PARTITIONS, window, error });
}

/** Whether the ledger still remembers what the window's buckets held. */
export function isRecent({ job, now }: JobContext, window: Window): boolean {
  return window.start >= bucketStart(now() - job.lookback, job.bucket, job.zone);
}

/** A clock that went back was wrong before: what was read under it is read again. */
function watchClock({ job, ledger, observe, now }: JobContext): void {
  const row = ledger.jobs.of(job.name);
  if (!row) return;
  const ahead = row.clock - now();
  if (ahead > CLOCK_TOLERANCE) {
    observe({ type: 'clock_back', job: job.name, seconds: ahead });
    ledger.commit(() => {
      const startOf = (time: number): number => bucketStart(time, job.bucket, job.zone);
      const horizon = startOf(now() - job.lookback);
      const wrongFor = ahead > HOUR ? LONGEST_WRONG : job.lookback;
      const openStart = startOf(now());
      ledger.checkpoints.invalidate(job.name, { since: startOf(horizon - wrongFor), horizon, openStart });
      ledger.gaps.invalidate(job.name, openStart);
    });
  }
  ledger.commit(() => ledger.jobs.save(job.name, { ...row, clock: now() }));
}
