import type { JobStateTable } from '../../ledger/state.ts';
import { HOUR } from '../../windows/units.ts';
import type { Window } from '../../windows/window.ts';

/** Key in the state of a job. */
const KEY = 'alerts';

/** How far an account has been judged. Unix seconds. */
export interface Progress {
  /** The hour of the first judgement: what was over before is history. */
  readonly since: number;
  /** Start of the table. */
  readonly table: number;
  /** Incidents that were over before are as the table before had them. */
  readonly from: number;
  /** End of the judged hours. */
  readonly until: number;
}

export function readProgress(state: JobStateTable, job: string): Progress | undefined {
  const text = state.get(job, KEY);
  return text === undefined ? undefined : (JSON.parse(text) as Progress);
}

export function saveProgress(state: JobStateTable, job: string, progress: Progress): void {
  state.set(job, KEY, JSON.stringify(progress));
}

export function progressAt(
  before: Progress | undefined,
  table: Window,
  until: number,
  now: number,
): Progress {
  const hour = Math.floor(now / HOUR) * HOUR;
  if (!before) return { since: hour, table: table.start, from: hour, until };
  if (before.table === table.start) return { ...before, until };
  return { since: before.since, table: table.start, from: before.until, until };
}
