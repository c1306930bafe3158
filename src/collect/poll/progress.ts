import type { DropReason } from '../../providers/provider.ts';
import type { JobContext } from '../context.ts';

/** What the requests of one poll have shown so far. Unlike the windows of the poll, it is shared by all of them. */
export interface PollProgress {
  /** Unix seconds. */
  readonly startedAt: number;
  /** Whether the provider has answered any request for usage. */
  answered: boolean;
  /** Whether any answer has held rows. */
  hasRows: boolean;
  /** Batches that failed one after the other because the provider could not be read. */
  failuresInARow: number;
  /** Requests spent on halving batches that fail with a server error. */
  halvingCalls: number;
  /** Partitions read alone to see whether the provider answers at all. */
  probes: number;
  /** Partitions whose last read failed with a server error, before this poll. */
  readonly failedBefore: ReadonlySet<string>;
  /** Those that fail in this poll. */
  readonly failed: Set<string>;
  readonly dropped: Map<DropReason, number>;
}

/** Key of the job state: the partitions that failed with a server error at the last poll, as a JSON list. */
const FAILED = 'failed_partitions';

/** What is known before the first request of a poll. */
export function startProgress({ job, ledger, now }: JobContext): PollProgress {
  const waiting = ledger.gaps.openOf(job.name).filter(({ kind }) => kind === 'unavailable');
  const last = JSON.parse(ledger.state.get(job.name, FAILED) || '[]') as string[];
  return {
    startedAt: now(),
    answered: false,
    hasRows: false,
    failuresInARow: 0,
    halvingCalls: 0,
    probes: 0,
    failedBefore: new Set([...last, ...waiting.map(({ partition }) => partition)]),
    failed: new Set(),
    dropped: new Map(),
  };
}

/** Keeps for the next poll which partitions failed. In an outage those of earlier polls are kept too. */
export function saveProgress({ job, ledger }: JobContext, progress: PollProgress, isOutage: boolean): void {
  const before = ledger.state.get(job.name, FAILED) || '[]';
  const kept = isOutage ? (JSON.parse(before) as string[]) : [];
  const after = JSON.stringify([...new Set([...kept, ...progress.failed])].toSorted());
  if (after !== before) ledger.state.set(job.name, FAILED, after);
}
