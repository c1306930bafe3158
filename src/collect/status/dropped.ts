import type { DroppedRows } from '../poll/dropped.ts';

/** Polls with rows, one after the other, from which on dropped rows are not explained by a single wrong answer. */
const PERSISTENT_POLLS = 2;

/** What a job that loses rows has to change. */
export const LOSES_ROWS =
  'usage is incomplete: rows outside the requested window are dropped at every poll; set bucket and zone to those of the provider (for daily rows: bucket: 1d)';

/** Rows outside the window at every poll: bucket or zone do not fit the provider's response, and usage is missing. */
export function losesRows(dropped: readonly DroppedRows[]): boolean {
  return dropped.some(({ reason, polls }) => reason === 'outside_window' && polls >= PERSISTENT_POLLS);
}
