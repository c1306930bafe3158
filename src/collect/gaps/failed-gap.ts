import type { FetchError } from '../../fetch/errors.ts';
import type { Gap } from '../../ledger/gaps.ts';
import type { Window } from '../../windows/window.ts';
import { HOUR } from '../../windows/units.ts';

/** Seconds. */
const FIRST_WAIT = 300;
const LONGEST_WAIT = 6 * HOUR;

/** The gap of a failed read, with exponential back-off from five minutes to six hours. */
export function failedGap(
  partition: string,
  window: Window,
  error: FetchError,
  attempts: number,
  at: number,
): Gap {
  return {
    partition,
    start: window.start,
    end: window.end,
    since: at,
    kind: error.kind,
    error: error.message,
    attempts,
    nextTry: at + Math.min(FIRST_WAIT * 2 ** (attempts - 1), LONGEST_WAIT),
    expired: false,
  };
}
