import { withDeadline } from '../../lib/deadline.ts';
import { HEALTH } from '../../usage/catalogue.ts';
import type { Fields, Point } from '../../usage/point.ts';
import { finalWindows } from '../../windows/checkpoints.ts';
import { subtract } from '../../windows/intervals.ts';
import { DAY, HOUR } from '../../windows/units.ts';
import type { CallCounts, JobContext } from '../context.ts';
import type { CollectEvent } from '../events.ts';
import { jobStatus } from './status.ts';

/** A store that does not answer delays the end of a poll by no more than this. */
const LONGEST_MS = 5_000;

/** What a poll has done, from its events and requests. */
interface Tally {
  readonly calls: CallCounts;
  written: number;
  rejected: number;
  dropped: number;
  revisions: number;
  mismatches: number;
}

/**
 * Runs a poll, then writes one point about the job's state, whatever the poll's result. Best effort: while the store is
 * down nothing is written, nothing enters the spool, and no error reaches the caller.
 * @throws what the poll throws
 */
export async function pollWithHealth<T extends { readonly error?: unknown }>(
  context: JobContext,
  signal: AbortSignal,
  poll: (context: JobContext) => Promise<T>,
): Promise<T> {
  const before = { ...context.calls };
  const tally = { written: 0, rejected: 0, dropped: 0, revisions: 0, mismatches: 0 };
  const observe = (event: CollectEvent): void => {
    count(tally, event);
    context.observe(event);
  };
  let isOk = false;
  try {
    const report = await poll({ ...context, observe });
    isOk = report.error === undefined;
    return report;
  } finally {
    if (!signal.aborted && context.outage.until <= context.now()) {
      const calls = since(before, context.calls);
      await write(context, healthPoint(context, isOk, { ...tally, calls }), signal);
    }
  }
}

/** The state of a job now. */
export function healthPoint({ job, ledger, now }: JobContext, isOk: boolean, tally: Tally): Point {
  const at = now();
  const { dataAge, unread, gaps, expired, lookback, advice, heldBack } = jobStatus(ledger, job, at);
  const fields: Fields = {
    polls_ok: isOk ? 1 : 0,
    polls_failed: isOk ? 0 : 1,
    calls_ok: tally.calls.ok,
    calls_failed: tally.calls.failed,
    calls_denied: tally.calls.denied,
    ...(dataAge !== undefined && { data_age_seconds: dataAge }),
    final_until: finalUntil({ job, ledger }),
    bucket_seconds: job.bucket === '1d' ? DAY : HOUR,
    backlog_buckets: unread,
    gaps_open: gaps,
    gaps_expired: expired,
    written_points: tally.written,
    rejected_points: tally.rejected,
    dropped_rows: tally.dropped,
    revisions: tally.revisions,
    mismatches: tally.mismatches,
    lookback_seconds: lookback,
    ...(advice && { lookback_advice_seconds: advice.completeAfter }),
    held_back_points: heldBack,
    spool_points: ledger.spool.size(),
  };
  const tags = { provider: job.provider.id, account: job.account, job: job.name };
  return { measurement: HEALTH.name, time: at, tags, fields };
}

/** The end of the buckets that are final, without a hole since the start of the job. */
function finalUntil({ job, ledger }: Pick<JobContext, 'job' | 'ledger'>): number {
  const final = finalWindows(ledger.checkpoints.of(job.name), job);
  const [missing] = subtract([{ start: job.start, end: Number.MAX_SAFE_INTEGER }], final);
  return missing?.start ?? job.start;
}

function since(before: CallCounts, now: CallCounts): CallCounts {
  return {
    ok: now.ok - before.ok,
    failed: now.failed - before.failed,
    denied: now.denied - before.denied,
  };
}

function count(tally: Omit<Tally, 'calls'>, event: CollectEvent): void {
  if (event.type === 'written' || event.type === 'drained') {
    tally.written += event.points;
    tally.rejected += event.rejected;
  }
  if (event.type === 'dropped') tally.dropped += event.rows;
  if (event.type === 'revised') tally.revisions += event.points;
  if (event.type === 'mismatch') tally.mismatches += 1;
}

async function write({ store }: JobContext, point: Point, signal: AbortSignal): Promise<void> {
  try {
    await withDeadline(signal, LONGEST_MS, (limited) => store.write([point], limited));
  } catch {
    // The next write of usage reports what is wrong with the store.
  }
}
