import type { Gap } from '../../ledger/gaps.ts';
import type { Partition } from '../../providers/provider.ts';
import type { UsageRecord } from '../../usage/point.ts';
import type { Window } from '../../windows/window.ts';
import type { PollProgress } from './progress.ts';

/** One window to be read. */
export interface WindowRead {
  readonly window: Window;
  readonly partitions: readonly Partition[];
  /** Gaps of partitions that are not read, because the next try of their gap is still to come. */
  readonly backedOff?: readonly Gap[];
  /** False when only some partitions are read, to fill their gaps. */
  readonly allPartitions: boolean;
  /** What answers are compared with: the ledger within the lookback, the store for older windows. */
  readonly baseline: 'ledger' | 'store';
  /** Store every record, also those that are stored already. */
  readonly force?: boolean;
  /** For a provider of totals: read every bucket with usage, also where totals equal what is stored. */
  readonly full?: boolean;
  /** Of the poll that the window belongs to; a new one by default. */
  readonly progress?: PollProgress;
  readonly signal: AbortSignal;
}

/** A read that is under way. */
export type StartedRead = WindowRead & { readonly progress: PollProgress };

/** Takes the records that the provider reports, as they come. */
export type StoreRecords = (records: readonly UsageRecord[]) => Promise<void>;
