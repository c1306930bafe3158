import type { FetchError } from '../fetch/errors.ts';
import type { DropReason, Partition } from '../providers/provider.ts';
import type { StoreError } from '../store/store.ts';
import type { Point, Tag } from '../usage/point.ts';
import type { Window } from '../windows/window.ts';

/** What happened while collecting, for logs and metrics. */
export type CollectEvent =
  | { type: 'written'; job: string; points: number; unchanged: number; rejected: number; kept: number }
  /** Points of a write of which the store has taken some. */
  | { type: 'stored'; job: string; points: readonly Point[] }
  /** What was never read, and who is asked for it. */
  | { type: 'planned'; job: string; windows: readonly Window[]; partitions: readonly Partition[] }
  | { type: 'revised'; job: string; points: number }
  | { type: 'dropped'; job: string; reason: DropReason; rows: number }
  | { type: 'gap'; job: string; partition: string; window: Window; error: FetchError }
  | { type: 'expired'; job: string; gaps: number }
  | { type: 'found'; job: string; partitions: number }
  | { type: 'mismatch'; job: string; window: Window; whole: string; parts: string }
  | { type: 'range_end'; job: string; rangeEnd: 'exclusive' | 'inclusive' }
  | { type: 'overflow'; job: string; tag: Tag; values: number }
  | { type: 'store_down'; job: string; error: StoreError; spooled: number }
  | { type: 'spool_full'; job: string; window: Window; points: number }
  | { type: 'drained'; job: string; points: number; rejected: number }
  | { type: 'retagged'; job: string; points: number }
  | { type: 'clock_back'; job: string; seconds: number };

export type Observe = (event: CollectEvent) => void;
