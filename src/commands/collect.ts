import type { JobContext } from '../collect/context.ts';
import type { CollectEvent } from '../collect/events.ts';
import { withJob } from '../collect/jobs/lease.ts';
import { poll, type PollReport } from '../collect/poll/poll.ts';
import { pollWithHealth } from '../collect/status/health.ts';
import { createRuntime } from '../runtime.ts';
import { selectJobs } from '../config/jobs.ts';
import type { CommandContext } from './context.ts';
import { dryRun } from './dry-run.ts';
import { EXIT, formatCount, formatJson, formatTable } from './output.ts';
import { createWriteSummary } from './write-summary.ts';

export interface CollectArguments {
  /** Job names; empty for all enabled jobs. */
  readonly jobs: readonly string[];
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** Returns to the start of the line and clears it. */
const CLEAR_LINE = '\r\u001b[K';

interface Collected {
  readonly job: string;
  readonly windows: number;
  readonly written: number;
  readonly unchanged: number;
  readonly gaps: number;
  readonly error?: string;
  readonly hint?: string;
}

/** `tokentide collect`: polls each job once, backlog included. */
export async function collectCommand(context: CommandContext, args: CollectArguments): Promise<number> {
  const jobs = selectJobs(context.loadJobs(), args.jobs);
  if (args.dryRun) return dryRun(context, jobs, args.json);
  const written = new Map<string, { written: number; unchanged: number }>();
  const writes = createWriteSummary();
  const isWatched = context.interactive && !args.json;
  const onEvent = (event: CollectEvent): void => {
    writes.onEvent(event);
    if (event.type !== 'written' && event.type !== 'drained') return;
    const sum = written.get(event.job) ?? { written: 0, unchanged: 0 };
    const unchanged = event.type === 'written' ? event.unchanged : 0;
    written.set(event.job, { written: sum.written + event.points, unchanged: sum.unchanged + unchanged });
    if (isWatched) context.err(`${CLEAR_LINE}${describeProgress(written)}`);
  };
  const { settings, now, signal } = context;
  const runtime = await createRuntime({ settings, role: 'collect', pid: context.pid, now, onEvent });
  try {
    const jobContexts = jobs.map((job) => runtime.jobContext(job));
    const rows = await Promise.all(
      jobContexts.map(async (jobContext): Promise<Collected> => {
        const { name } = jobContext.job;
        const report = await withJob(runtime.lease, jobContext, signal, () =>
          pollWithHealth(jobContext, signal, (observed) => poll(observed, { signal })),
        );
        return row(jobContext, report, written.get(name));
      }),
    );
    if (isWatched) context.err(CLEAR_LINE);
    context.out(args.json ? formatJson(rows) : format(rows));
    const stored = writes.report(runtime.ledger, context.err);
    const read = rows.every(({ error, gaps }) => error === undefined && gaps === 0);
    return stored && read ? EXIT.fine : EXIT.failed;
  } catch (error) {
    if (isWatched) context.err(CLEAR_LINE);
    if (!signal.aborted) throw error;
    context.err('stopped; everything read so far is stored, and the next run resumes\n');
    return EXIT.failed;
  } finally {
    await runtime.close();
  }
}

/** `12 points of trae, 3 of r9s` */
function describeProgress(points: ReadonlyMap<string, { written: number }>): string {
  const parts = [...points].map(([job, { written }], index) =>
    index === 0 ? `${formatCount(written)} points of ${job}` : `${formatCount(written)} of ${job}`,
  );
  return parts.join(', ');
}

function row(
  { job, ledger }: JobContext,
  { windows, error }: PollReport,
  points: { written: number; unchanged: number } | undefined,
): Collected {
  return {
    job: job.name,
    windows,
    written: points?.written ?? 0,
    unchanged: points?.unchanged ?? 0,
    gaps: ledger.gaps.openOf(job.name).length,
    ...(error && { error: `${error.kind}: ${error.message}` }),
    ...(error?.hint && { hint: error.hint }),
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
  const errors = rows.filter(({ error }) => error !== undefined);
  return (
    table + errors.map(({ job, error, hint }) => `${job}: ${error}\n${hint ? `  ${hint}\n` : ''}`).join('')
  );
}
