import { bucketStart } from '../../windows/calendar.ts';
import type { JobContext } from '../context.ts';
import { HOUR } from '../../windows/units.ts';

/** A wall clock may step back this far (NTP) without consequences, seconds. */
const TOLERANCE = 60;
/** A clock that was ahead by more than an hour may have been so for this long, seconds. */
const LONGEST_WRONG = 30 * 24 * HOUR;

/** Records the time of a poll. A clock that went back was wrong before: what was read under it is read again. */
export function checkClock({ job, ledger, observe }: JobContext, at: number): void {
  const row = ledger.jobs.of(job.name);
  if (!row) return;
  const ahead = row.clock - at;
  if (ahead > TOLERANCE) {
    observe({ type: 'clock_back', job: job.name, seconds: ahead });
    const startOf = (time: number): number => bucketStart(time, job.bucket, job.zone);
    const horizon = startOf(at - job.lookback);
    const wrongFor = ahead > HOUR ? LONGEST_WRONG : job.lookback;
    const openStart = startOf(at);
    ledger.commit(() => {
      ledger.checkpoints.invalidate(job.name, { since: startOf(horizon - wrongFor), horizon, openStart });
      ledger.gaps.invalidate(job.name, openStart);
    });
  }
  ledger.commit(() => ledger.jobs.save(job.name, { ...row, clock: at }));
}
