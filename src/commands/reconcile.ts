import { withJob } from '../collect/jobs/lease.ts';
import { comparableDays, type ComparableDays } from '../collect/reconcile/days.ts';
import { discover } from '../collect/poll/partitions.ts';
import {
  NoTotals,
  reconcile,
  record,
  type Comparison,
  type Comparisons,
  type Reconciled,
} from '../collect/reconcile/reconcile.ts';
import { repair, type Unreported, type UnreportedReason } from '../collect/reconcile/repair.ts';
import { createRuntime, type Runtime } from '../runtime.ts';
import { ConfigError } from '../config/errors.ts';
import { selectJobs, soundJobs } from '../config/jobs.ts';
import { ProviderDown } from '../collect/poll/batches.ts';
import type { Job } from '../collect/job.ts';
import type { JobContext } from '../collect/context.ts';
import { seriesKey } from '../usage/series.ts';
import { displayText } from '../lib/display-text.ts';
import { bucketStart, splitByDays, wallTime } from '../windows/calendar.ts';
import type { Window } from '../windows/window.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatCount, formatJson, formatTable, printIssues } from './output.ts';
import { formatSpan } from '../config/duration.ts';
import { parseTime } from './time.ts';
import { DAY } from '../windows/units.ts';

export interface ReconcileArguments {
  readonly job?: string;
  readonly from?: string;
  readonly to?: string;
  readonly fix: boolean;
  /** With `fix`: set stored usage to zero also where the provider may have forgotten it. */
  readonly dropUnreported: boolean;
  /** Percent of the provider's total. */
  readonly tolerance: number;
  readonly json: boolean;
}

const DEFAULT_DAYS = 7;

interface JobResult {
  readonly job: string;
  readonly reconciled?: Reconciled;
  /** What was left out of the range, and what was not changed. */
  readonly notes?: readonly string[];
  /** Why there is nothing to compare. */
  readonly skipped?: string;
  readonly error?: { readonly kind: string; readonly message: string; readonly hint?: string };
}

/** `tokentide reconcile`: compares the provider's own totals with what is stored. Exit code 1 when they differ. */
export async function reconcileCommand(context: CommandContext, args: ReconcileArguments): Promise<number> {
  const loaded = context.loadJobs();
  const jobs = args.job === undefined ? soundJobs(loaded) : selectJobs(loaded, [args.job]);
  const isConfigured = args.job !== undefined || printIssues(loaded.issues, context.err);
  const { settings, now, pid } = context;
  const runtime = await createRuntime({ settings, role: 'reconcile', pid, now });
  try {
    const results: JobResult[] = [];
    for (const job of jobs) {
      const result = await reconcileOne(context, args, runtime, job);
      results.push(result);
      if (!args.json) print(context, args, job, result);
    }
    if (args.json) context.out(formatJson(results));
    const isEqual = results.every(
      ({ error, reconciled }) => !error && (!reconciled || differing(reconciled, args.tolerance) === 0),
    );
    if (!isConfigured) return EXIT.usageError;
    return isEqual ? EXIT.success : EXIT.failed;
  } finally {
    await runtime.close();
  }
}

/** One job's failure is its result: the other jobs are still reconciled. */
export async function reconcileOne(
  context: Pick<CommandContext, 'signal' | 'now'>,
  args: ReconcileArguments,
  runtime: Runtime,
  job: Job,
): Promise<JobResult> {
  try {
    return await reconcileJob(context, args, runtime, job);
  } catch (error) {
    const cause = error instanceof ProviderDown ? error.error : error;
    if (context.signal.aborted || !(cause instanceof Error)) throw cause;
    if (cause instanceof NoTotals) return { job: job.name, skipped: cause.message };
    if (cause instanceof ConfigError) {
      if (args.job !== undefined) throw cause;
      return { job: job.name, skipped: cause.message };
    }
    const { kind = cause.name, hint } = cause as { kind?: string; hint?: string };
    return { job: job.name, error: { kind, message: cause.message, ...(hint !== undefined && { hint }) } };
  }
}

async function reconcileJob(
  { signal, now }: Pick<CommandContext, 'signal' | 'now'>,
  args: ReconcileArguments,
  runtime: Runtime,
  job: Job,
): Promise<JobResult> {
  const jobContext = runtime.jobContext(job);
  const days = comparableDays(jobContext, requestedDays(job, args, now()));
  const { window } = days;
  const notes = describeCut(jobContext, args, days);
  if (window.start >= window.end) {
    throw new ConfigError([
      {
        message: [`${job.name}: no complete day between --from and --to`, ...notes].join('; '),
        hint: "only days of the job's zone that have ended can be reconciled",
      },
    ]);
  }
  return withJob(runtime.lease, jobContext, signal, async () => {
    const partitions = await discover(jobContext, signal);
    let reconciled = await reconcile(jobContext, window, partitions, signal);
    if (args.fix && differing(reconciled, args.tolerance) > 0) {
      const days = differingDays(reconciled, args.tolerance).map((day) => day.window);
      const repaired = days.length > 0 ? days : splitByDays(window, 1, job.zone);
      const { dropUnreported } = args;
      const left = await repair(jobContext, repaired, partitions, { dropUnreported, signal });
      notes.push(...left.map((one) => describeUnreported(job, one)));
      reconciled = await reconcile(jobContext, window, partitions, signal);
    }
    await record(jobContext, reconciled, differing(reconciled, args.tolerance));
    return { job: job.name, reconciled, notes };
  });
}

/** Complete days in the job's zone: the last seven by default. */
function requestedDays(job: Job, args: ReconcileArguments, now: number): Window {
  const today = bucketStart(Math.floor(now / 1000), '1d', job.zone);
  const at = (text: string, option: string): number =>
    bucketStart(parseTime(text, option, job.zone, now), '1d', job.zone);
  const end = Math.min(args.to === undefined ? today : at(args.to, '--to'), today);
  const start =
    args.from === undefined ? bucketStart(end - DEFAULT_DAYS * DAY, '1d', job.zone) : at(args.from, '--from');
  return { start, end };
}

/** Why days of the requested range are left out. */
function describeCut(
  { job }: JobContext,
  { from }: ReconcileArguments,
  { collectedSince, heldBackSince }: ComparableDays,
): string[] {
  const day = (time: number): string => wallTime(time, job.zone).slice(0, 10);
  const notes: string[] = [];
  if (collectedSince !== undefined && from !== undefined) {
    notes.push(`days before ${day(collectedSince)} are left out: the job collects since then`);
  }
  if (heldBackSince !== undefined) {
    notes.push(
      `days since ${day(heldBackSince)} are left out: the store takes each point once, so points are held back for ${formatSpan(job.lookback)}, until they are final`,
    );
  }
  return notes;
}

const REASONS: Readonly<Record<UnreportedReason, string>> = {
  retention: "the day is older than the provider's retention; --drop-unreported sets it to zero",
  whole_day: 'the provider reports no usage at all on that day; --drop-unreported sets it to zero',
  not_listed: 'the provider no longer lists the user, key or endpoint; --drop-unreported sets it to zero',
  store: 'the store does not overwrite points',
};

function describeUnreported(job: Job, { window, reason, points, tokens }: Unreported): string {
  const day = wallTime(window.start, job.zone).slice(0, 10);
  return `${day}: ${formatCount(points)} stored points with ${formatCount(tokens)} tokens that the provider does not report were kept: ${REASONS[reason]}`;
}

function differingDays({ days }: Reconciled, tolerance: number): Comparisons[] {
  return days
    .map((day) => ({ ...day, rows: day.rows.filter((row) => !within(row, tolerance)) }))
    .filter(({ rows }) => rows.length > 0);
}

/** How many series differ, over the range or on a day. */
function differing(reconciled: Reconciled, tolerance: number): number {
  const rows = [reconciled, ...reconciled.days].flatMap((one) => one.rows);
  return new Set(rows.filter((row) => !within(row, tolerance)).map(({ tags }) => seriesKey(tags))).size;
}

function within({ provider, difference, fields }: Comparison, tolerance: number): boolean {
  return [
    { difference, provider },
    ...fields.map((one) => ({ ...one, difference: one.stored - one.provider })),
  ].every(
    (one) =>
      Number(one.difference < 0n ? -one.difference : one.difference) <=
      (Number(one.provider) * tolerance) / 100,
  );
}

function print(
  context: CommandContext,
  { tolerance }: ReconcileArguments,
  job: Job,
  { reconciled, notes = [], skipped, error }: JobResult,
): void {
  if (reconciled) context.out(format(job, reconciled, tolerance));
  for (const note of notes) context.out(`${job.name}: ${note}\n`);
  if (skipped !== undefined) context.out(`${job.name}: ${displayText(skipped)}\n`);
  if (error) {
    context.err(`${job.name}: ${error.kind}: ${displayText(error.message)}\n`);
    if (error.hint !== undefined) context.err(`  ${error.hint}\n`);
  }
}

function format(job: Job, reconciled: Reconciled, tolerance: number): string {
  const { window, rows, provider, stored } = reconciled;
  const days = differingDays(reconciled, tolerance);
  const span = `${wallTime(window.start, job.zone)} to ${wallTime(window.end, job.zone)} ${job.zone}`;
  const tags = [
    ...new Set(rows.flatMap((row) => Object.keys(row.tags))),
  ].toSorted() as (keyof Comparison['tags'])[];
  const bad = rows.filter((row) => !within(row, tolerance)).length;
  const equal = days.length === 0 ? 'equal' : 'equal over the range, but not on each day';
  const verdict = bad === 0 ? equal : `${bad} of ${rows.length} differ`;
  const hasFields = rows.some(({ fields }) => fields.length > 0);
  const all = rows.length === 1 ? rows[0]!.fields : [];
  const detail = (fields: Comparison['fields']): string[] => (hasFields ? [describeFields(fields)] : []);
  return [
    `${job.name}: ${span}: ${verdict}\n`,
    formatTable(
      [
        ...(tags.length > 0 ? tags : ['']).map((title) => ({ title })),
        { title: 'provider', align: 'right' },
        { title: 'stored', align: 'right' },
        { title: 'difference', align: 'right' },
        ...(hasFields ? [{ title: 'fields that differ' }] : []),
      ],
      [
        // Totals of a whole account have no tags: their only row is that of all.
        ...(tags.length > 0 ? rows : []).map((row) => [
          ...tags.map((tag) => displayText(row.tags[tag] ?? '')),
          ...[row.provider, row.stored, row.difference].map(formatCount),
          ...detail(row.fields),
        ]),
        [
          ...(tags.length > 0 ? tags : ['']).map((_, index) => (index === 0 ? 'all' : '')),
          ...[provider, stored, stored - provider].map(formatCount),
          ...detail(tags.length > 0 ? [] : all),
        ],
      ],
    ),
    ...(days.length > 0 ? [formatDays(job, days)] : []),
  ].join('');
}

function formatDays(job: Job, days: readonly Comparisons[]): string {
  return formatTable(
    [
      { title: 'day that differs' },
      { title: 'differences', align: 'right' },
      { title: 'provider', align: 'right' },
      { title: 'stored', align: 'right' },
      { title: 'difference', align: 'right' },
    ],
    days.map(({ window, rows, provider, stored }) => [
      wallTime(window.start, job.zone).slice(0, 10),
      formatCount(rows.length),
      ...[provider, stored, stored - provider].map(formatCount),
    ]),
  );
}

/** `requests +1,000, input_tokens -7`: stored minus the provider's total. */
function describeFields(fields: Comparison['fields']): string {
  return fields
    .map(
      ({ field, provider, stored }) =>
        `${field} ${stored > provider ? '+' : ''}${formatCount(stored - provider)}`,
    )
    .join(', ');
}
