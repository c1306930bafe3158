import { withJob } from '../collect/jobs/lease.ts';
import { fillGaps } from '../collect/poll/poll.ts';
import { createRuntime, openLedgerFile, type Runtime } from '../runtime.ts';
import { selectJobs, soundJobs } from '../config/jobs.ts';
import type { Job } from '../collect/job.ts';
import { ALL_PARTITIONS, type Gap } from '../ledger/gaps.ts';
import { openReadableLedger } from '../ledger/ledger.ts';
import { wallTime } from '../windows/calendar.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatJson, formatTable, printJobError, printIssues } from './output.ts';
import { createWriteSummary } from './write-summary.ts';

export interface GapsArguments {
  readonly job?: string;
  readonly fill: boolean;
  readonly json: boolean;
}

/** `tokentide gaps`: lists missing windows with their cause. Exit code 1 while any can still be filled. */
export async function gapsCommand(context: CommandContext, args: GapsArguments): Promise<number> {
  const loaded = context.loadJobs();
  const jobs = args.job === undefined ? soundJobs(loaded) : selectJobs(loaded, [args.job]);
  const isConfigured = args.job !== undefined || printIssues(loaded.issues, context.err);
  const stored = !args.fill || (await fill(context, jobs));
  const ledger = openLedgerFile(context.settings, openReadableLedger);
  try {
    const gaps = jobs.flatMap((job) => ledger.gaps.of(job.name).map((gap) => ({ job, gap })));
    if (args.json) context.out(formatJson(gaps.map(({ job, gap }) => ({ job: job.name, ...gap }))));
    else context.out(gaps.length === 0 ? 'no gaps\n' : format(gaps));
    if (!isConfigured) return EXIT.usageError;
    return stored && gaps.every(({ gap }) => gap.expired) ? EXIT.success : EXIT.failed;
  } finally {
    ledger.close();
  }
}

/** Resolves to whether everything that was read is stored. */
async function fill(context: CommandContext, jobs: readonly Job[]): Promise<boolean> {
  const { settings, now, signal, pid } = context;
  const writes = createWriteSummary();
  const runtime: Runtime = await createRuntime({
    settings,
    role: 'gaps',
    pid,
    now,
    onEvent: writes.onEvent,
  });
  try {
    let filled = true;
    for (const job of jobs) {
      signal.throwIfAborted();
      const error = await fillJob(runtime, job, signal);
      if (error === undefined) continue;
      filled = false;
      printJobError(job.name, error, context.err);
    }
    return writes.report(runtime.ledger, context.err) && filled;
  } finally {
    await runtime.close();
  }
}

/** Resolves to the error, so that the other jobs are filled too. */
async function fillJob(runtime: Runtime, job: Job, signal: AbortSignal): Promise<unknown> {
  try {
    const jobContext = runtime.jobContext(job);
    const { error } = await withJob(runtime.lease, jobContext, signal, () =>
      fillGaps(jobContext, { signal }),
    );
    return error;
  } catch (error) {
    return error;
  }
}

function format(gaps: readonly { job: Job; gap: Gap }[]): string {
  return formatTable(
    [
      { title: 'job' },
      { title: 'partition' },
      { title: 'from' },
      { title: 'to' },
      { title: 'since' },
      { title: 'attempts', align: 'right' },
      { title: 'next try' },
      { title: 'cause' },
    ],
    gaps.map(({ job, gap }) => [
      job.name,
      gap.partition === ALL_PARTITIONS ? 'all' : gap.partition,
      wallTime(gap.start, job.zone),
      wallTime(gap.end, job.zone),
      wallTime(gap.since, job.zone),
      String(gap.attempts),
      gap.expired ? 'expired' : wallTime(gap.nextTry, job.zone),
      `${gap.kind}: ${gap.error}`,
    ]),
  );
}
