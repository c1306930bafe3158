import type { Ledger } from '../../ledger/ledger.ts';
import { DROP_REASONS, type DropReason } from '../../providers/provider.ts';
import type { JobContext } from '../context.ts';
import type { PollProgress } from './progress.ts';

/** Rows of a provider's answers that were discarded for one reason. */
export interface DroppedRows {
  readonly reason: DropReason;
  /** Since the job's first poll. A row counts at every read that discards it. */
  readonly total: number;
  /** At the last poll that received rows. */
  readonly rows: number;
  /** Polls in a row, up to the last one that received rows, that discarded rows for this reason. */
  readonly polls: number;
}

/** By reason: what the last poll discarded, and how many polls in a row have done so. */
type LastPoll = Partial<Record<DropReason, Pick<DroppedRows, 'rows' | 'polls'>>>;

/** Key of the job state: a `LastPoll` as JSON. */
const DROPPED = 'dropped';
const counterOf = (reason: DropReason): string => `dropped ${reason}`;

/** Counts what one window discarded. */
export function noteDropped(
  { job, ledger, observe }: JobContext,
  progress: PollProgress,
  dropped: ReadonlyMap<DropReason, number>,
): void {
  if (dropped.size === 0) return;
  ledger.commit(() => {
    for (const [reason, rows] of dropped) ledger.counters.add(job.name, counterOf(reason), rows);
  });
  for (const [reason, rows] of dropped) {
    progress.dropped.set(reason, (progress.dropped.get(reason) ?? 0) + rows);
    observe({ type: 'dropped', job: job.name, reason, rows });
  }
}

/** Keeps what a whole poll discarded. A poll without any row says nothing. */
export function saveDropped({ job, ledger }: JobContext, { hasRows, dropped }: PollProgress): void {
  if (!hasRows) return;
  const before = lastPollOf(ledger, job.name);
  const after: LastPoll = {};
  for (const [reason, rows] of dropped) after[reason] = { rows, polls: (before[reason]?.polls ?? 0) + 1 };
  const text = JSON.stringify(after);
  if (text !== JSON.stringify(before)) ledger.state.set(job.name, DROPPED, text);
}

/** What a job has discarded so far, the reasons without any left out. */
export function droppedRows(ledger: Ledger, job: string): DroppedRows[] {
  const counters = ledger.counters.of(job);
  const last = lastPollOf(ledger, job);
  return DROP_REASONS.map((reason) => ({
    reason,
    total: counters[counterOf(reason)] ?? 0,
    rows: last[reason]?.rows ?? 0,
    polls: last[reason]?.polls ?? 0,
  })).filter(({ total }) => total > 0);
}

function lastPollOf(ledger: Ledger, job: string): LastPoll {
  return JSON.parse(ledger.state.get(job, DROPPED) || '{}') as LastPoll;
}
