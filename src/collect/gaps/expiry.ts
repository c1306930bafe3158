import { EVERYTHING } from '../../ledger/gaps.ts';
import type { Partition } from '../../providers/provider.ts';
import { bucketStart } from '../../windows/calendar.ts';
import { subtract } from '../../windows/intervals.ts';
import type { Collecting } from '../context.ts';

const DAY = 86_400;

/** Marks as lost what is older than the provider remembers, so that it stays visible instead of being tried for ever. */
export function loseOld(collecting: Collecting): void {
  const { job, ledger, now } = collecting;
  const retention = job.retention ?? (job.provider.retentionDays ?? Infinity) * DAY;
  if (retention === Infinity) return;
  const oldest = bucketStart(now() - retention, job.bucket, job.zone);
  const known = ledger.gaps.of(job.name).filter((gap) => gap.partition === EVERYTHING && gap.lost);
  const unread = job.start < oldest ? [{ start: job.start, end: oldest }] : [];
  const missing = subtract(subtract(unread, ledger.reads.of(job.name)), known);
  const lost = ledger.commit(() => {
    for (const window of missing) {
      ledger.gaps.lost(job.name, {
        ...window,
        partition: EVERYTHING,
        since: now(),
        kind: 'retention',
        error: 'older than the provider answers for',
        attempts: 0,
        nextTry: now(),
        lost: true,
      });
    }
    return missing.length + ledger.gaps.lose(job.name, oldest);
  });
  report(collecting, lost);
}

/** Marks as lost the gaps of partitions that have been gone for longer than the look-back. */
export function loseVanished(collecting: Collecting, present: readonly Partition[]): void {
  const { job, ledger, now } = collecting;
  const ids = new Set(present.map(({ id }) => id));
  const met = ledger.partitions.of(job.name);
  const gone = new Set<string>();
  for (const { partition, lost } of ledger.gaps.of(job.name)) {
    const seen = met.get(partition)?.lastSeen ?? 0;
    if (!lost && partition !== EVERYTHING && !ids.has(partition) && seen < now() - job.lookback)
      gone.add(partition);
  }
  const lost = ledger.commit(() => {
    let gaps = 0;
    for (const partition of gone) gaps += ledger.gaps.losePartition(job.name, partition);
    return gaps;
  });
  report(collecting, lost);
}

function report({ job, observe }: Collecting, gaps: number): void {
  if (gaps > 0) observe({ type: 'lost', job: job.name, gaps });
}
