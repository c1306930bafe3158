import { ALL_PARTITIONS } from '../../ledger/gaps.ts';
import type { Partition } from '../../providers/provider.ts';
import { bucketStart } from '../../windows/calendar.ts';
import { subtract } from '../../windows/intervals.ts';
import type { JobContext } from '../context.ts';
import { DAY } from '../../windows/units.ts';

/** Marks what is older than the provider's retention as expired: it stays listed and is not tried any more. */
export function expireOld(context: JobContext, at: number): void {
  const { job, ledger } = context;
  const retention = job.retention ?? (job.provider.retentionDays ?? Infinity) * DAY;
  if (retention === Infinity) return;
  const oldest = bucketStart(at - retention, job.bucket, job.zone);
  const known = ledger.gaps.of(job.name).filter((gap) => gap.partition === ALL_PARTITIONS && gap.expired);
  const unread = job.start < oldest ? [{ start: job.start, end: oldest }] : [];
  const missing = subtract(subtract(unread, ledger.checkpoints.of(job.name)), known);
  const expired = ledger.commit(() => {
    for (const window of missing) {
      ledger.gaps.addExpired(job.name, {
        ...window,
        partition: ALL_PARTITIONS,
        since: at,
        kind: 'retention',
        error: "older than the provider's retention",
        attempts: 0,
        nextTry: at,
        expired: true,
      });
    }
    return missing.length + ledger.gaps.expire(job.name, oldest);
  });
  report(context, expired);
}

/** Marks gaps of partitions that have been absent for longer than the lookback as expired. */
export function expireVanished(context: JobContext, present: readonly Partition[], at: number): void {
  const { job, ledger } = context;
  const ids = new Set(present.map(({ id }) => id));
  const met = ledger.partitions.of(job.name);
  const gone = new Set<string>();
  for (const { partition, expired } of ledger.gaps.of(job.name)) {
    const seen = met.get(partition)?.lastSeen ?? 0;
    if (!expired && partition !== ALL_PARTITIONS && !ids.has(partition) && seen < at - job.lookback)
      gone.add(partition);
  }
  const expired = ledger.commit(() => {
    let gaps = 0;
    for (const partition of gone) gaps += ledger.gaps.expirePartition(job.name, partition);
    return gaps;
  });
  report(context, expired);
}

function report({ job, observe }: JobContext, gaps: number): void {
  if (gaps > 0) observe({ type: 'expired', job: job.name, gaps });
}
