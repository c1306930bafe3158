import type { Collecting } from '../collect/context.ts';
import { withLease } from '../collect/jobs/lease.ts';
import { fillGaps } from '../collect/poll/poll.ts';
import { compose, openLedgerFile, type Composition } from '../runtime.ts';
import { selectJobs } from '../config/jobs.ts';
import type { Job } from '../collect/job.ts';
import { EVERYTHING, type Gap } from '../ledger/gaps.ts';
import { wallTime } from '../windows/calendar.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatJson, formatTable } from './output.ts';
import { watchStore } from './write-summary.ts';

export interface GapsArguments {
  readonly job?: string;
  readonly fill: boolean;
  readonly json: boolean;
}

/** `tokentide gaps`: what should be stored and is not, since when and why. Exit code 1 while any can still be filled. */
export async function gapsCommand(context: CommandContext, args: GapsArguments): Promise<number> {
  const jobs = selectJobs(context.loadJobs(), args.job === undefined ? [] : [args.job]);
  const stored = !args.fill || (await fill(context, jobs));
  const ledger = openLedgerFile(context.settings);
  try {
    const gaps = jobs.flatMap((job) => ledger.gaps.of(job.name).map((gap) => ({ job, gap })));
    if (args.json) context.out(formatJson(gaps.map(({ job, gap }) => ({ job: job.name, ...gap }))));
    else context.out(gaps.length === 0 ? 'no gaps\n' : format(gaps));
    return stored && gaps.every(({ gap }) => gap.lost) ? EXIT.fine : EXIT.failed;
  } finally {
    ledger.close();
  }
}

/** Resolves to whether everything that was read is stored. */
async function fill(context: CommandContext, jobs: readonly Job[]): Promise<boolean> {
  const { settings, now, signal, pid } = context;
  const watch = watchStore();
  const composition: Composition = await compose({
    settings,
    role: 'gaps',
    pid,
    now,
    onEvent: watch.onEvent,
  });
  try {
    for (const job of jobs) {
      const collecting: Collecting = composition.collecting(job);
      const { error } = await withLease(composition.lease, job.name, signal, () =>
        fillGaps(collecting, { signal }),
      );
      if (error)
        context.err(`${job.name}: ${error.kind}: ${error.message}\n${error.hint ? `  ${error.hint}\n` : ''}`);
    }
    return watch.report(composition.ledger, context.err);
  } finally {
    await composition.close();
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
      { title: 'tries', align: 'right' },
      { title: 'next try' },
      { title: 'why' },
    ],
    gaps.map(({ job, gap }) => [
      job.name,
      gap.partition === EVERYTHING ? 'everything' : gap.partition,
      wallTime(gap.start, job.zone),
      wallTime(gap.end, job.zone),
      wallTime(gap.since, job.zone),
      String(gap.attempts),
      gap.lost ? 'lost' : wallTime(gap.nextTry, job.zone),
      `${gap.kind}: ${gap.error}`,
    ]),
  );
}
