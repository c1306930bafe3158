import type { Incident } from '../../../src/alerts/incidents.ts';
import type { AccountJudge } from '../../../src/alerts/live/account-judge.ts';
import type { HourlySeries, ReplayEntry } from '../../../src/alerts/types.ts';
import { HOUR, MINUTE } from '../../../src/windows/units.ts';
import { arrivalOf, FINAL_AFTER, LAG, type Arrival } from './arrival.ts';
import type { LabelledYear } from './labelled-year.ts';

const POLL = 5 * MINUTE;
/** Hours from the end of an hour until a poll has seen all of it. */
export const POLL_LAG = (LAG + POLL) / HOUR;
const FIELDS = ['tokens', 'requests', 'input', 'output', 'cached'] as const;

/** A part of a year that is judged as a running collector does: every five minutes, by what is known then. */
export interface PolledPart {
  readonly year: LabelledYear;
  /** Start of the history, of the polls, and their end. */
  readonly start: number;
  readonly from: number;
  readonly to: number;
  /** One per account, over the hours from `start` to `to`. */
  readonly createJudge: () => AccountJudge;
}

/** The incidents, each when it was first known; also those that a later correction dissolves. */
export async function replayPolls({
  year,
  start,
  from,
  to,
  createJudge,
}: PolledPart): Promise<ReplayEntry[]> {
  const accounts = new Set(year.series.map(({ tags }) => tags.account!));
  const entries: ReplayEntry[] = [];
  for (const account of accounts) {
    const known = newKnown(
      account,
      year.series.filter(({ tags }) => tags.account === account),
      start,
      to,
    );
    const judge = createJudge();
    const fired: ReplayEntry[] = [];
    // What is before the first poll has arrived in full.
    let changed = known.learn(from + FINAL_AFTER, 0, (from - start) / HOUR);
    for (let now = from + POLL; now <= to; now += POLL) {
      const closed = Math.floor((now - start) / HOUR);
      const first = Math.max(0, closed - FINAL_AFTER / HOUR);
      changed = Math.min(changed, known.learn(now, first, closed + 1));
      const { incidents } = await judge.judge({
        series: known.series,
        from: changed,
        closed,
        isOpenSeen: now % HOUR > 0,
        isExpected: () => false,
        signal: new AbortController().signal,
      });
      for (const incident of incidents) report(fired, incident, now);
      changed = Infinity;
    }
    entries.push(...fired);
  }
  return entries;
}

interface Known {
  readonly series: readonly HourlySeries[];
  /** Enters what is reported at a time of the hours of a range. Returns the first that has changed. */
  learn(now: number, first: number, end: number): number;
}

function newKnown(account: string, truth: readonly HourlySeries[], start: number, to: number): Known {
  const offset = (start - truth[0]!.start) / HOUR;
  const length = (to - start) / HOUR;
  const arrivals = Array.from({ length }, (_, hour): Arrival => arrivalOf(account, offset + hour));
  const series = truth.map((each) => emptyCopy(each, start, length));
  return {
    series,
    learn: (now, first, end) => {
      let changed = Infinity;
      for (let hour = first; hour < Math.min(end, length); hour++) {
        const share = arrivals[hour]!(now - start - hour * HOUR);
        for (const [i, each] of truth.entries())
          for (const field of FIELDS) {
            const values = series[i]![field];
            if (!values) continue;
            const value = Math.floor(each[field]![offset + hour]! * share);
            if (Object.is(values[hour], value)) continue;
            values[hour] = value;
            changed = Math.min(changed, hour);
          }
      }
      return changed;
    },
  };
}

function emptyCopy({ scope, tags, ...fields }: HourlySeries, start: number, length: number): HourlySeries {
  const copies = FIELDS.flatMap((field) =>
    fields[field] ? [[field, new Float64Array(length).fill(Number.NaN)] as const] : [],
  );
  return { scope, tags, start, ...Object.fromEntries(copies) } as HourlySeries;
}

/** Keeps when an incident was first known, also if late data move its start. */
function report(
  fired: ReplayEntry[],
  { subject, start, end, severity, rule, largest }: Incident,
  now: number,
): void {
  const { tags } = subject.series;
  const { value, expected, limit, text } = largest;
  const known = fired.findIndex(
    (each) => each.rule === rule && each.tags === tags && each.start <= end && start <= each.end,
  );
  const entry = { rule, severity, tags, start, end, value, expected, limit, text };
  if (known === -1) fired.push({ ...entry, fired_at: now });
  else fired[known] = { ...entry, fired_at: fired[known]!.fired_at };
}
