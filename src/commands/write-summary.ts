import { formatIssue } from '../config/errors.ts';
import type { CollectEvent } from '../collect/events.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { StoreError } from '../store/store.ts';
import { formatCount } from './output.ts';

/** Follows what the store does with the points of one command. */
export interface WriteSummary {
  readonly onEvent: (event: CollectEvent) => void;
  /** Says which points are not stored, and why. False when there are any. */
  report(ledger: Ledger, err: (text: string) => void): boolean;
}

export function createWriteSummary(): WriteSummary {
  let down: StoreError | undefined;
  let rejected = 0;
  return {
    onEvent: (event) => {
      if (event.type === 'store_down') down = event.error;
      if (event.type === 'written' || event.type === 'drained') rejected += event.rejected;
    },
    report: (ledger, err) => {
      const waiting = ledger.spool.size();
      if (waiting > 0) {
        const why = down === undefined ? '' : `: ${down.message}`;
        const message = `${formatCount(waiting)} points wait in the data folder for the store${why}`;
        const hint = 'nothing is lost: the next run that finds the store writes them';
        err(`${formatIssue({ message, hint: down?.kind === 'config' ? down.hint : hint })}\n`);
      }
      if (rejected > 0) {
        const message = `${formatCount(rejected)} points were refused by the store for good`;
        err(
          `${formatIssue({ message, hint: 'they and the reasons are in rejected.jsonl in the data folder' })}\n`,
        );
      }
      return waiting === 0 && rejected === 0;
    },
  };
}
