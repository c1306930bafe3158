import type { FetchError } from '../../fetch/errors.ts';
import type { Gap } from '../../ledger/gaps.ts';
import type { Window } from '../../windows/window.ts';

const FIRST_WAIT = 300;
const LONGEST_WAIT = 6 * 3600;

/** The gap that a failed read leaves: its next try comes later each time, at most six hours later. */
export function failedGap(
  partition: string,
  window: Window,
  error: FetchError,
  attempts: number,
  now: number,
): Gap {
  return {
    partition,
    start: window.start,
    end: window.end,
    since: now,
    kind: error.kind,
    error: error.message,
    attempts,
    nextTry: now + Math.min(FIRST_WAIT * 2 ** (attempts - 1), LONGEST_WAIT),
    expired: false,
  };
}
