import type { Ledger } from '../../ledger/ledger.ts';
import { DROP_REASONS, type DropReason } from '../../providers/provider.ts';

/** Rows of provider responses that a job dropped for one reason. */
export interface DroppedRows {
  readonly reason: DropReason;
  /** Since the job's first poll. */
  readonly rows: number;
  /** Consecutive polls, up to the last one, that dropped such rows. */
  readonly polls: number;
}

/** Polls in a row from which on dropped rows are no coincidence of a border. */
const PERSISTENT_POLLS = 3;
const COUNTER = 'dropped ';
/** Job state: consecutive polls by reason, as JSON. */
const CONSECUTIVE = 'dropping';

export function droppedRows(ledger: Ledger, job: string): DroppedRows[] {
  const counters = ledger.counters.of(job);
  const polls = JSON.parse(ledger.state.get(job, CONSECUTIVE) || '{}') as Partial<Record<DropReason, number>>;
  return DROP_REASONS.map((reason) => ({
    reason,
    rows: counters[COUNTER + reason] ?? 0,
    polls: polls[reason] ?? 0,
  })).filter(({ rows }) => rows > 0);
}

/** Rows outside the window at every poll: bucket or zone do not fit the provider's response, and usage is missing. */
export function losesRows(dropped: readonly DroppedRows[]): boolean {
  return dropped.some(({ reason, polls }) => reason === 'outside_window' && polls >= PERSISTENT_POLLS);
}
