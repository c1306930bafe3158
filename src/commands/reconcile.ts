import { withJob } from '../collect/jobs/lease.ts';
import { discover } from '../collect/poll/partitions.ts';
import {
  daysThatDiffer,
  NoTotals,
  reconcile,
  record,
  repair,
  type Comparison,
  type Reconciled,
} from '../collect/reconcile/reconcile.ts';
import { createRuntime, type Runtime } from '../runtime.ts';
import { ConfigError } from '../config/errors.ts';
import { selectJobs } from '../config/jobs.ts';
import type { Job } from '../collect/job.ts';
import { bucketStart, wallTime } from '../windows/calendar.ts';
import type { Window } from '../windows/window.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatCount, formatJson, formatTable } from './output.ts';
import { parseTime } from './time.ts';

export interface ReconcileArguments {
  readonly job?: string;
  readonly from?: string;
  readonly to?: string;
  readonly fix: boolean;
  /** Percent of the provider's total. */
  readonly tolerance: number;
  readonly json: boolean;
}

const DEFAULT_DAYS = 7;
const DAY = 86_400;

/** `tokentide reconcile`: compares the provider's own totals with what is stored. Exit code 1 when they differ. */
export async function reconcileCommand(context: CommandContext, args: ReconcileArguments): Promise<number> {
  const jobs = selectJobs(context.loadJobs(), args.job === undefined ? [] : [args.job]);
  const { settings, now, pid } = context;
  const runtime = await createRuntime({ settings, role: 'reconcile', pid, now });
  try {
    const results: { job: string; reconciled?: Reconciled; skipped?: string }[] = [];
    for (const job of jobs) {
      try {
        const reconciled = await reconcileJob(context, args, runtime, job);
        results.push({ job: job.name, reconciled });
        if (!args.json) context.out(format(job, reconciled, args.tolerance));
      } catch (error) {
        if (!(error instanceof NoTotals)) throw error;
        results.push({ job: job.name, skipped: error.message });
        if (!args.json) context.out(`${job.name}: ${error.message}\n`);
      }
    }
    if (args.json) context.out(formatJson(results));
    const differ = results.some(({ reconciled }) =>
      reconciled?.rows.some((row) => !within(row, args.tolerance)),
    );
    return differ ? EXIT.failed : EXIT.fine;
  } finally {
    await runtime.close();
  }
}

async function reconcileJob(
  { signal, now }: CommandContext,
  args: ReconcileArguments,
  runtime: Runtime,
  job: Job,
): Promise<Reconciled> {
  const jobContext = runtime.jobContext(job);
  const window = wholeDays(job, args, now());
  const allowed = (row: Comparison): boolean => within(row, args.tolerance);
  return withJob(runtime.lease, jobContext, signal, async () => {
    const partitions = await discover(jobContext, signal);
    let result = await reconcile(jobContext, window, partitions, signal);
    if (args.fix && !result.rows.every(allowed)) {
      const days = await daysThatDiffer(jobContext, window, partitions, allowed, signal);
      await repair(jobContext, days.length > 0 ? days : [window], partitions, signal);
      result = await reconcile(jobContext, window, partitions, signal);
    }
    await record(jobContext, result, result.rows.filter((row) => !allowed(row)).length);
    return result;
  });
}

/** Complete days in the job's zone: the last seven by default. */
function wholeDays(job: Job, args: ReconcileArguments, now: number): Window {
  const today = bucketStart(Math.floor(now / 1000), '1d', job.zone);
  const at = (text: string, option: string): number =>
    bucketStart(parseTime(text, option, job.zone, now), '1d', job.zone);
  const end = Math.min(args.to === undefined ? today : at(args.to, '--to'), today);
  const start =
    args.from === undefined ? Math.max(end - DEFAULT_DAYS * DAY, job.start) : at(args.from, '--from');
  const window = { start: bucketStart(start, '1d', job.zone), end };
  if (window.start < window.end) return window;
  throw new ConfigError([
    {
      message: `${job.name}: no complete day between --from and --to`,
      hint: "only days of the job's zone that have ended can be reconciled",
    },
  ]);
}

function within({ provider, difference }: Comparison, tolerance: number): boolean {
  const size = difference < 0n ? -difference : difference;
  return Number(size) <= (Number(provider) * tolerance) / 100;
}

function format(job: Job, { window, rows, provider, stored }: Reconciled, tolerance: number): string {
  const span = `${wallTime(window.start, job.zone)} to ${wallTime(window.end, job.zone)} ${job.zone}`;
  const tags = [
    ...new Set(rows.flatMap((row) => Object.keys(row.tags))),
  ].toSorted() as (keyof Comparison['tags'])[];
  const bad = rows.filter((row) => !within(row, tolerance)).length;
  const verdict = bad === 0 ? 'equal' : `${bad} of ${rows.length} differ`;
  return [
    `${job.name}: ${span}: ${verdict}\n`,
    formatTable(
      [
        ...tags.map((title) => ({ title })),
        { title: 'provider', align: 'right' },
        { title: 'stored', align: 'right' },
        { title: 'difference', align: 'right' },
      ],
      [
        ...rows.map((row) => [
          ...tags.map((tag) => row.tags[tag] ?? ''),
          ...[row.provider, row.stored, row.difference].map(formatCount),
        ]),
        [
          ...tags.map((_, index) => (index === 0 ? 'all' : '')),
          ...[provider, stored, stored - provider].map(formatCount),
        ],
      ],
    ),
  ].join('');
}
