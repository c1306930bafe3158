import {
  backfillWindow,
  resumeRange,
  planBackfill,
  alignToBuckets,
  type BackfillPlan,
  type BackfillRange,
} from '../collect/poll/backfill.ts';
import { drain } from '../collect/delivery/deliver.ts';
import { ProviderDown } from '../collect/poll/batches.ts';
import type { JobContext } from '../collect/context.ts';
import type { CollectEvent } from '../collect/events.ts';
import type { Job } from '../collect/job.ts';
import { withJob } from '../collect/jobs/lease.ts';
import { discover } from '../collect/poll/partitions.ts';
import { createRuntime, openExistingLedger } from '../runtime.ts';
import { ConfigError } from '../config/errors.ts';
import { selectJobs } from '../config/jobs.ts';
import { formatSpan } from '../config/duration.ts';
import { wallTime } from '../windows/calendar.ts';
import type { Window } from '../windows/window.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatCount, formatJson, printError } from './output.ts';
import { createWriteSummary } from './write-summary.ts';
import { parseTime } from './time.ts';

const CLEAR_LINE = '\r\u001b[K';

export interface BackfillArguments {
  readonly job: string;
  readonly from: string;
  readonly to?: string;
  readonly full: boolean;
  readonly plan: boolean;
  readonly json: boolean;
}

/** A backfill as requested, with the part of it that is left. */
interface Request {
  readonly asked: BackfillRange;
  readonly range: Window;
  readonly isResumed: boolean;
}

/** `tokentide backfill`: prints the plan, reads the range newest first, and resumes after an interruption. */
export async function backfillCommand(context: CommandContext, args: BackfillArguments): Promise<number> {
  const [job] = selectJobs(context.loadJobs(), [args.job]);
  if (!job) return EXIT.usageError;
  return args.plan ? printPlan(context, args, job) : backfill(context, args, job);
}

/** `--plan`: lists the partitions, and writes nothing. */
async function printPlan(context: CommandContext, args: BackfillArguments, job: Job): Promise<number> {
  const { settings, now, signal, pid } = context;
  const shared = openExistingLedger(settings);
  const rateLimiter = shared?.rateLimiter;
  const memory = await createRuntime({ settings, role: 'backfill', pid, now, inMemory: true, rateLimiter });
  try {
    const jobContext = memory.jobContext(job);
    const request = requestOf(shared ? { ...jobContext, ledger: shared } : jobContext, args, now());
    const planned = planBackfill(jobContext, request.range, await jobContext.source.partitions(signal));
    const { windows, partitions, calls, mostCalls, seconds, mostSeconds } = planned;
    const plan = { windows, partitions: partitions.length, calls, mostCalls, seconds, mostSeconds };
    context.out(args.json ? formatJson(plan) : describePlan(job, request, planned));
    return EXIT.success;
  } finally {
    await memory.close();
    shared?.close();
  }
}

async function backfill(context: CommandContext, args: BackfillArguments, job: Job): Promise<number> {
  const { settings, now, signal, pid } = context;
  const counts = { points: 0, calls: 0 };
  const writes = createWriteSummary();
  const onEvent = (event: CollectEvent): void => {
    writes.onEvent(event);
    if (event.type === 'written' || event.type === 'drained') counts.points += event.points;
  };
  const onCall = (): void => void (counts.calls += 1);
  const runtime = await createRuntime({ settings, role: 'backfill', pid, now, onEvent, onCall });
  try {
    const jobContext = runtime.jobContext(job);
    const onWait = (holder: string): void => {
      const clear = context.interactive ? CLEAR_LINE : '';
      if (!args.json) context.err(`${clear}waiting: job ${job.name} is in use by ${holder}\n`);
    };
    const exclusively = <T>(work: () => Promise<T>): Promise<T> =>
      withJob({ ...runtime.lease, onWait }, jobContext, signal, work);
    const request = requestOf(jobContext, args, now());
    const partitions = await exclusively(async () => {
      // As at the start of a poll: a window without usage writes nothing, and so would not deliver what waits.
      await drain(jobContext, signal);
      return discover(jobContext, signal);
    });
    const planned = planBackfill(jobContext, request.range, partitions);
    if (!args.json) context.err(describePlan(job, request, planned));

    const started = now();
    counts.calls = 0;
    for (const [index, window] of planned.windows.entries()) {
      signal.throwIfAborted();
      await exclusively(() => backfillWindow(jobContext, planned, window, request.asked, signal));
      const done = index + 1;
      const eta = ((now() - started) / 1000 / done) * (planned.windows.length - done);
      progress(context, args, jobContext, { window, done, total: planned.windows.length, eta, ...counts });
      // Further answers would only fill the spool; the next run resumes here.
      if (jobContext.ledger.spool.size(job.name) > 0) break;
    }
    if (context.interactive && !args.json) context.err('\n');
    const gaps = jobContext.ledger.gaps.openOf(job.name).length;
    if (!args.json) {
      const seconds = Math.round((now() - started) / 1000);
      context.out(
        `${formatCount(counts.points)} points written in ${formatCount(counts.calls)} calls, ${formatSpan(seconds)}\n`,
      );
      if (gaps > 0) context.err(`${gaps} gaps remain: see tokentide gaps ${job.name}\n`);
    }
    const stored = writes.report(runtime.ledger, context.err);
    return stored && gaps === 0 ? EXIT.success : EXIT.failed;
  } catch (error) {
    if (!signal.aborted && !(error instanceof ProviderDown)) throw error;
    context.err(`${signal.aborted ? '\n' : ''}stopped; run the same command again to resume\n`);
    return signal.aborted ? EXIT.failed : printError(error, context.err);
  } finally {
    await runtime.close();
  }
}

/** @param now milliseconds since the epoch @throws ConfigError */
function requestOf(jobContext: JobContext, { from, to, full }: BackfillArguments, now: number): Request {
  const { zone } = jobContext.job;
  const start = parseTime(from, '--from', zone, now);
  const end = to === undefined ? now / 1000 : parseTime(to, '--to', zone, now);
  const asked = { from, to, full };
  const left = resumeRange(jobContext, asked);
  const range = left ?? alignToBuckets(jobContext, { start, end });
  if (range.start < range.end) return { asked, range, isResumed: left !== undefined };
  throw new ConfigError([
    {
      message: '--from is not before --to, or no bucket in the range has closed yet',
      hint: 'choose an earlier --from',
    },
  ]);
}

function describePlan(
  job: Job,
  { range, isResumed }: Request,
  { windows, partitions, calls, mostCalls, seconds, mostSeconds }: BackfillPlan,
): string {
  const span = `${wallTime(range.start, job.zone)} to ${wallTime(range.end, job.zone)} ${job.zone}`;
  const upTo = mostCalls > calls ? ` to ${formatCount(mostCalls)}` : '';
  const time = mostCalls > calls ? ` to ${formatSpan(Math.ceil(mostSeconds))}` : '';
  return [
    `${isResumed ? 'resuming ' : ''}${job.name}: ${span}`,
    `${formatCount(windows.length)} windows x ${formatCount(partitions.length)} partitions`,
    `${formatCount(calls)}${upTo} calls, about ${formatSpan(Math.ceil(seconds))}${time} at ${job.rate.perSecond} per second`,
    '',
  ].join('\n');
}

interface Progress {
  readonly window: Window;
  readonly done: number;
  readonly total: number;
  readonly calls: number;
  readonly points: number;
  /** Seconds. */
  readonly eta: number;
}

function progress(context: CommandContext, args: BackfillArguments, { job }: JobContext, at: Progress): void {
  if (args.json) return context.out(`${JSON.stringify(at)}\n`);
  const window = `${wallTime(at.window.start, job.zone)} to ${wallTime(at.window.end, job.zone)}`;
  const rate = `${formatCount(at.calls)} calls, ${formatCount(at.points)} points`;
  const line = `${at.done}/${at.total}  ${window}  ${rate}  ${at.done < at.total ? `${formatSpan(Math.ceil(at.eta))} left` : 'done'}`;
  context.err(context.interactive ? `${CLEAR_LINE}${line}` : `${line}\n`);
}
