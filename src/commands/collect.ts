import type { JobContext } from '../collect/context.ts';
import type { CollectEvent } from '../collect/events.ts';
import type { Job } from '../collect/job.ts';
import { withJob } from '../collect/jobs/lease.ts';
import { poll } from '../collect/poll/poll.ts';
import { droppedRows } from '../collect/poll/dropped.ts';
import { losesRows, LOSES_ROWS } from '../collect/status/dropped.ts';
import { trackFills, type FillReport } from '../collect/status/fill-progress.ts';
import { pollWithHealth } from '../collect/status/health.ts';
import { selectJobs, soundJobs } from '../config/jobs.ts';
import { formatSpan } from '../config/duration.ts';
import { formatError, TokentideError } from '../lib/errors.ts';
import type { DropReason } from '../providers/provider.ts';
import { formatCalls, formatShare } from '../report.ts';
import { createRuntime, type Runtime } from '../runtime.ts';
import type { CommandContext } from './context.ts';
import { dryRun } from './dry-run.ts';
import {
  EXIT,
  explainError,
  formatCount,
  formatDropped,
  formatJson,
  formatTable,
  printError,
  printIssues,
} from './output.ts';
import { createWriteSummary } from './write-summary.ts';

export interface CollectArguments {
  /** Job names; empty for all enabled jobs. */
  readonly jobs: readonly string[];
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** Returns to the start of the line and clears it. */
const CLEAR_LINE = '\r\u001b[K';
/** Between two progress lines of one job. */
const PROGRESS_SECONDS = 10;

/** Points and rows of one job, by outcome. */
interface Counts {
  written: number;
  unchanged: number;
  rejected: number;
  /** Waiting for the store. */
  spooled: number;
  dropped: Partial<Record<DropReason, number>>;
}

interface Collected extends Counts {
  readonly job: string;
  readonly windows: number;
  readonly gaps: number;
  readonly error?: string;
  readonly hint?: string;
}

/** `tokentide collect`: polls each job once, backlog included. One job's failure affects no other. */
export async function collectCommand(context: CommandContext, args: CollectArguments): Promise<number> {
  const loaded = context.loadJobs();
  const jobs = args.jobs.length > 0 ? selectJobs(loaded, args.jobs) : soundJobs(loaded);
  const isConfigured = args.jobs.length > 0 || printIssues(loaded.issues, context.err);
  const code = await (args.dryRun ? dryRun(context, jobs, args.json) : collect(context, jobs, args));
  return isConfigured ? code : EXIT.usageError;
}

async function collect(
  context: CommandContext,
  jobs: readonly Job[],
  { json }: CollectArguments,
): Promise<number> {
  const { settings, now, signal } = context;
  const counts = new Map(jobs.map(({ name }) => [name, noCounts()]));
  const contexts = new Map<string, JobContext>();
  const writes = createWriteSummary();
  const isWatched = context.interactive && !json;
  const clear = isWatched ? CLEAR_LINE : '';
  const fills = trackFills({
    now: () => Math.floor(now() / 1000),
    everySeconds: PROGRESS_SECONDS,
    contextOf: (job) => contexts.get(job),
    report: (report) => {
      if (!json) context.err(`${clear}${describeFill(report)}\n`);
    },
  });
  const onEvent = (event: CollectEvent): void => {
    writes.onEvent(event);
    fills.onEvent(event);
    if (add(counts.get(event.job), event) && isWatched)
      context.err(`${CLEAR_LINE}${describeProgress(counts)}`);
  };
  const onCall = ({ name }: Job): void => fills.onCall(name);
  const runtime = await createRuntime({
    settings,
    role: 'collect',
    pid: context.pid,
    now,
    onEvent,
    onCall,
  });

  /** Never rejects, so that the runtime is closed after all jobs have ended. */
  async function collectJob(job: Job): Promise<{ row: Collected; problem: unknown }> {
    let windows = 0;
    let problem: unknown;
    try {
      const jobContext = runtime.jobContext(job);
      contexts.set(job.name, jobContext);
      const report = await withJob(runtime.lease, jobContext, signal, () =>
        pollWithHealth(jobContext, signal, (observed) => poll(observed, { signal })),
      );
      windows = report.windows;
      problem = report.error;
      if (!report.error) fills.onPollEnd(job.name, report.left);
    } catch (error) {
      problem = error;
    }
    const row = {
      ...rowOf(runtime, job, counts.get(job.name) ?? noCounts()),
      windows,
      ...(problem !== undefined && explainError(problem)),
    };
    return { row, problem };
  }

  try {
    const results = await Promise.all(jobs.map(collectJob));
    const rows = results.map(({ row }) => row);
    const refused = results.filter(({ problem }) => isRefusal(problem));
    context.err(clear);
    if (signal.aborted) {
      context.err('stopped; everything read so far is stored, and the next run resumes\n');
      return EXIT.failed;
    }
    const polled = results.filter((result) => !refused.includes(result)).map(({ row }) => row);
    if (json) context.out(formatJson(rows));
    else if (polled.length > 0) context.out(format(polled));
    for (const { problem } of refused) printError(problem, context.err);
    const stored = writes.report(runtime.ledger, context.err);
    const losing = jobs.filter(({ name }) => losesRows(droppedRows(runtime.ledger, name)));
    for (const { name } of losing) context.err(`${name}: ${LOSES_ROWS}\n`);
    const read = rows.every(({ error, gaps }) => error === undefined && gaps === 0);
    if (refused.length > 0) return EXIT.usageError;
    return stored && read && losing.length === 0 ? EXIT.success : EXIT.failed;
  } finally {
    await runtime.close();
  }
}

/** Settings that a person has to correct, such as those of a changed job. */
function isRefusal(problem: unknown): boolean {
  return problem instanceof TokentideError && problem.exitCode === EXIT.usageError;
}

function noCounts(): Counts {
  return { written: 0, unchanged: 0, rejected: 0, spooled: 0, dropped: {} };
}

/** Adds an event to the counts of its job. False if it has none. */
function add(sum: Counts | undefined, event: CollectEvent): boolean {
  if (!sum) return false;
  if (event.type === 'dropped') {
    sum.dropped[event.reason] = (sum.dropped[event.reason] ?? 0) + event.rows;
    return false;
  }
  if (event.type !== 'written' && event.type !== 'drained') return false;
  sum.written += event.points;
  sum.rejected += event.rejected;
  if (event.type === 'written') {
    sum.unchanged += event.unchanged;
    sum.spooled += event.kept;
  }
  return true;
}

/** `12 points of trae, 3 of r9s` */
function describeProgress(counts: ReadonlyMap<string, Counts>): string {
  const parts = [...counts]
    .filter(([, { written, unchanged }]) => written + unchanged > 0)
    .map(([job, { written }], index) =>
      index === 0 ? `${formatCount(written)} points of ${job}` : `${formatCount(written)} of ${job}`,
    );
  return parts.join(', ');
}

/** `trae: 43 % of the backlog, 310 of at most 720 calls, about 7 min left` */
function describeFill(report: FillReport): string {
  const { job, state, calls, elapsed, left } = report;
  if (state === 'complete')
    return `${job}: backlog complete: ${formatCount(calls)} calls, ${formatSpan(elapsed)}`;
  return `${job}: ${formatShare(report)} of the backlog, ${formatCalls(report)} calls, about ${formatSpan(left)} left`;
}

function rowOf({ ledger }: Runtime, job: Job, counts: Counts): Omit<Collected, 'windows'> {
  return {
    job: job.name,
    ...counts,
    gaps: ledger.gaps.openOf(job.name).length,
  };
}

function format(rows: readonly Collected[]): string {
  const table = formatTable(
    [
      { title: 'job' },
      { title: 'windows', align: 'right' },
      { title: 'points written', align: 'right' },
      { title: 'unchanged', align: 'right' },
      { title: 'gaps', align: 'right' },
    ],
    rows.map(({ job, windows, written, unchanged, gaps }) => [
      job,
      ...[windows, written, unchanged, gaps].map(formatCount),
    ]),
  );
  const lines = rows.flatMap(({ job, dropped, error, hint }) => [
    ...(Object.keys(dropped).length > 0 ? [`${job}: rows dropped: ${formatDropped(dropped)}`] : []),
    ...(error === undefined ? [] : [formatError({ message: `${job}: ${error}`, hint })]),
  ]);
  return table + lines.map((line) => `${line}\n`).join('');
}
