import { FetchError } from '../../fetch/errors.ts';
import { ALL_PARTITIONS } from '../../ledger/gaps.ts';
import { bucketStart } from '../../windows/calendar.ts';
import { intersect, subtract } from '../../windows/intervals.ts';
import type { Plan } from '../../windows/planner.ts';
import type { JobContext } from '../context.ts';
import { failedGap } from '../gaps/failed-gap.ts';
import { ProviderDown } from './batches.ts';

export interface PollReport {
  /** Windows read. */
  readonly windows: number;
  /** Windows that wait for the next poll. */
  readonly left: number;
  /** Why the provider could not be read to the end. */
  readonly error?: FetchError;
}

/** Runs the reads of one poll. What cannot be read while the provider is down stays planned, and becomes a gap. */
export async function withOutageHandling(
  context: JobContext,
  planned: Plan,
  work: (done: () => void) => Promise<number>,
): Promise<PollReport> {
  let windows = 0;
  try {
    const left = await work(() => void (windows += 1));
    return { windows, left };
  } catch (error) {
    const cause = error instanceof ProviderDown ? error.error : error;
    if (!(cause instanceof FetchError) || cause.kind === 'cancelled') throw cause;
    openOutageGap(context, planned, cause);
    return { windows, left: planned.open.length + planned.due.length + planned.backlog.length, error: cause };
  }
}

/** The closed buckets that should have been read by now become a gap of all partitions. */
function openOutageGap(context: JobContext, { open, due }: Plan, error: FetchError): void {
  const { job, ledger, observe, now } = context;
  const at = now();
  const closed = { start: job.start, end: bucketStart(at, job.bucket, job.zone) };
  const missing = subtract(intersect([...open, ...due], [closed]), ledger.checkpoints.of(job.name));
  if (missing.length === 0) return;
  const before = ledger.gaps.of(job.name).find(({ partition }) => partition === ALL_PARTITIONS);
  const attempts = 1 + (before?.attempts ?? 0);
  ledger.commit(() => {
    for (const window of missing) {
      // No back-off: the open bucket of the next poll tries the provider, and everything is read once it answers.
      ledger.gaps.open(job.name, {
        ...failedGap(ALL_PARTITIONS, window, error, attempts, at),
        nextTry: at,
      });
    }
  });
  for (const window of missing)
    observe({ type: 'gap', job: job.name, partition: ALL_PARTITIONS, window, error });
}
