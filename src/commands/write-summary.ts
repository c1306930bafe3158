import { formatIssue } from '../config/errors.ts';
import type { CollectEvent } from '../collect/events.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { StoreError } from '../store/store.ts';
import { formatCount } from './output.ts';

/** Tracks what the store did with the points of one command. */
export interface WriteSummary {
  readonly onEvent: (event: CollectEvent) => void;
  /** Reports points that are not stored, with the cause. False if there are any. */
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
        const message = `${formatCount(waiting)} points are waiting in the spool for the store${why}`;
        const hint = 'nothing is lost: they are written as soon as the store is available';
        err(`${formatIssue({ message, hint: down?.kind === 'config' ? down.hint : hint })}\n`);
      }
      if (rejected > 0) {
        const message = `${formatCount(rejected)} points rejected permanently by the store`;
        err(
          `${formatIssue({ message, hint: 'see rejected.jsonl in the data folder for the points and reasons' })}\n`,
        );
      }
      return waiting === 0 && rejected === 0;
    },
  };
}
