import type { IncidentRow } from '../../ledger/incidents.ts';
import type { Point, Tags } from '../../usage/point.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { finalWindows } from '../../windows/checkpoints.ts';
import { union } from '../../windows/intervals.ts';
import { HOUR } from '../../windows/units.ts';
import type { Window } from '../../windows/window.ts';
import { hourTable } from '../calendar.ts';
import type { Finding } from '../judge.ts';
import { loadSums, type AccountSums } from '../load.ts';
import type { Rules } from '../rules.ts';
import { createAccountJudge, type AccountJudge } from './account-judge.ts';
import { createAccountSeries, type AccountSeries } from './account-series.ts';
import { changesOf, subjectOf } from './changes.ts';
import { incidentsOf, overHour, pointsOf } from './found.ts';
import type { JudgedJob, JudgingOptions } from './options.ts';
import { changedPoints } from './points.ts';
import { progressAt, readProgress, saveProgress, type Progress } from './progress.ts';
import { reportedFrom, tableAt } from './table.ts';

/** A store that does not answer delays nothing but the next judgement. */
const LONGEST_WRITE_MS = 5_000;
/** Up to this multiple of what was labelled as expected, usage has the same size. */
const SAME_SIZE = 1.2;

export interface Account {
  readonly tags: Tags;
  readonly jobs: readonly JudgedJob[];
  readonly rules: Rules;
  /** Starts of the hours that were stored since they were read. */
  touched: Set<number>;
  /** Those that were read the last time: some stores show only seconds later what they have taken. */
  readAgain: Set<number>;
  running: Promise<void>;
  state: AccountState | undefined;
}

/** What is in memory of one account, for one table. */
interface AccountState {
  readonly table: Window;
  readonly series: AccountSeries;
  readonly judge: AccountJudge;
  /** The first hour whose usage has changed since it was judged. */
  changed: number;
  /** Number of closed hours. */
  closed: number;
  isJudged: boolean;
  /** Incidents whose like the user does not want to hear of. */
  expected: readonly IncidentRow[];
  /** As they were written last. */
  points: readonly Point[] | undefined;
}

/** Judges an account with what was stored since the last time. @throws StoreError, LedgerError */
export async function judgeAccount(
  account: Account,
  options: JudgingOptions,
  signal: AbortSignal,
): Promise<void> {
  const { ledger, now } = options;
  const at = now();
  const { state, covered } = await readUsage(account, options, at, signal);
  const { table, series } = state;
  const closed = closedHours(covered, table, at);
  const expected = ledger.incidents.expected(account.tags);
  state.changed = Math.min(state.changed, relabelledHour(state.expected, expected, table.start));
  if (state.isJudged && state.changed === Infinity && closed === state.closed) return;
  state.isJudged = false;
  state.expected = expected;
  const judged = await state.judge.judge({
    series: series.all,
    from: state.changed,
    closed,
    isOpenSeen: series.seen[closed] === 1,
    isExpected: (finding) => expected.some((row) => isAsExpected(row, finding)),
    signal,
  });
  const [{ name: job }] = account.jobs as [JudgedJob];
  const before = readProgress(ledger.state, job);
  const progress = progressAt(before, table, table.start + closed * HOUR, at);
  const from = Math.max(
    progress.since,
    reportedFrom(table),
    Math.min(progress.from, table.start + state.changed * HOUR),
  );
  const overAt = (last: number): number | undefined => overHour(series, table.start, last, closed);
  const changes = changesOf({
    found: incidentsOf(judged, overAt),
    known: ledger.incidents.ofAccount(account.tags, reportedFrom(table)),
    from,
    job,
    now: at,
    isQuiet: ({ last }) => overAt(last) !== undefined,
    isTaken: (id) => ledger.incidents.get(id) !== undefined,
  });
  ledger.commit(() => {
    for (const { incident, changes: told } of changes) {
      ledger.incidents.put(incident);
      for (const change of told) options.notify?.({ change, incident });
    }
    saveProgress(ledger.state, job, progress);
  });
  state.changed = Infinity;
  state.closed = closed;
  state.isJudged = true;
  await writePoints(state, pointsOf(judged, { from, overAt }), { from, before }, options, signal);
}

/** Reads the hours that were stored since the last time, or all hours of a new table. */
async function readUsage(
  account: Account,
  options: JudgingOptions,
  now: number,
  signal: AbortSignal,
): Promise<{ readonly state: AccountState; readonly covered: readonly Window[] }> {
  const table = tableAt(now, options.zone);
  const { touched, readAgain } = account;
  const isNew = account.state?.table.start !== table.start;
  const state = isNew || !account.state ? createState(account, table, options) : account.state;
  const { series } = state;
  const hours = [...touched, ...readAgain].map((start) => ({ start, end: start + HOUR }));
  const windows = isNew
    ? [{ start: table.start, end: Math.floor(now / HOUR) * HOUR + HOUR }]
    : union(hours.filter(({ start }) => start >= table.start && start < table.end));
  account.touched = new Set();
  try {
    const sums: { window: Window; account?: AccountSums }[] = [];
    for (const window of windows) {
      const [found] = await loadSums(options.store, window, account.tags, { signal });
      sums.push({ window, ...(found && { account: found }) });
    }
    const covered = coveredBy(account, options, table);
    const changed = series.update(sums, covered);
    state.changed = isNew ? Infinity : Math.min(state.changed, changed);
    account.state = state;
    account.readAgain = touched;
    return { state, covered };
  } catch (error) {
    for (const hour of touched) account.touched.add(hour);
    throw error;
  }
}

function createState({ rules }: Account, table: Window, { zone, calendar }: JudgingOptions): AccountState {
  const hours = hourTable(table.start, (table.end - table.start) / HOUR, zone, calendar);
  return {
    table,
    series: createAccountSeries(table),
    judge: createAccountJudge(hours, rules),
    changed: Infinity,
    closed: 0,
    isJudged: false,
    expected: [],
    points: undefined,
  };
}

/**
 * The hours that were read after they had closed; on a store that takes each point once, those that are final: others
 * are not in the store.
 */
function coveredBy({ jobs }: Account, { ledger, store }: JudgingOptions, table: Window): Window[] {
  return union(
    jobs.flatMap((job): Window[] => {
      const checkpoints = ledger.checkpoints.of(job.name, table);
      return store.overwrites ? checkpoints : finalWindows(checkpoints, job);
    }),
  );
}

/** Number of hours up to the last one that was read after it had closed. */
function closedHours(covered: readonly Window[], { start }: Window, now: number): number {
  const end = Math.min(now, covered.at(-1)?.end ?? start);
  return Math.max(0, Math.floor((end - start) / HOUR));
}

/** The first hour that a new label, or one that was removed, is about. */
function relabelledHour(
  before: readonly IncidentRow[],
  after: readonly IncidentRow[],
  start: number,
): number {
  const key = ({ id, label }: IncidentRow): string => `${id} ${label?.at}`;
  const [old, current] = [before, after].map((rows) => new Set(rows.map(key))) as [Set<string>, Set<string>];
  const changed = [
    ...before.filter((row) => !current.has(key(row))),
    ...after.filter((row) => !old.has(key(row))),
  ];
  return Math.min(...changed.map(({ label }) => Math.max(0, Math.floor((label!.at - start) / HOUR))));
}

/** As large as what was labelled as expected, give or take, and after that. */
function isAsExpected(row: IncidentRow, { verdict }: Finding): boolean {
  const { at, value } = row.label!;
  return (
    verdict.value <= SAME_SIZE * value && verdict.time + HOUR > at && subjectOf(verdict) === subjectOf(row)
  );
}

/** Best effort: what could not be written is written with the next change. */
async function writePoints(
  state: AccountState,
  points: readonly Point[],
  { from, before }: { readonly from: number; readonly before: Progress | undefined },
  { store }: JudgingOptions,
  signal: AbortSignal,
): Promise<void> {
  const written = state.points ?? points.filter(({ time }) => time < (before?.until ?? 0));
  const changed = changedPoints(
    written.filter(({ time }) => time >= from),
    points,
  );
  if (changed.length > 0) {
    const { kept } = await withDeadline(signal, LONGEST_WRITE_MS, (limited) => store.write(changed, limited));
    if (kept.length > 0) return;
  }
  state.points = points;
}
