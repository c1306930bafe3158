import type { CollectEvent } from './collect/events.ts';
import type { FillReport } from './collect/status/fill-progress.ts';
import { formatSpan } from './config/duration.ts';
import type { Logger } from './observe/log.ts';
import type { LazyMetrics } from './observe/lazy-metrics.ts';
import type { Metrics } from './observe/metrics.ts';

/** Turns events into log lines and metrics. */
export function reporter(log: Logger, metrics: LazyMetrics): (event: CollectEvent) => void {
  return (event) => {
    metrics.record((loaded) => measure(event, loaded));
    record(event, log);
  };
}

function measure(event: CollectEvent, metrics: Metrics): void {
  switch (event.type) {
    case 'written': {
      const { job } = event;
      metrics.points.inc({ job, outcome: 'written' }, event.points);
      metrics.points.inc({ job, outcome: 'unchanged' }, event.unchanged);
      metrics.points.inc({ job, outcome: 'rejected' }, event.rejected);
      metrics.points.inc({ job, outcome: 'kept' }, event.kept);
      return;
    }
    case 'drained':
      metrics.points.inc({ job: event.job, outcome: 'written' }, event.points);
      return metrics.points.inc({ job: event.job, outcome: 'rejected' }, event.rejected);
    case 'revised':
      return metrics.revisions.inc({ job: event.job }, event.points);
    case 'dropped':
      return metrics.droppedRows.inc({ job: event.job, reason: event.reason }, event.rows);
    case 'mismatch':
      return metrics.mismatches.inc({ job: event.job });
    case 'overflow':
      return metrics.tagOverflows.inc({ tag: event.tag }, event.values);
  }
}

/** Routine events are metrics only (and `debug` lines); other levels need attention. */
function record({ type, ...event }: CollectEvent, log: Logger): void {
  switch (type) {
    case 'written':
      if ('rejected' in event && event.rejected > 0)
        log.error(event, 'points rejected permanently by the store: see rejected.jsonl in the data folder');
      return log.debug(event, 'points written');
    case 'stored':
    case 'planned':
      return;
    case 'revised':
    case 'dropped':
      return log.debug(event, type === 'dropped' ? 'rows dropped' : 'points revised');
    case 'gap':
      return log.warn(event, 'window could not be read; recorded as a gap and retried later');
    case 'expired':
      return log.error(event, "gaps exceed the provider's retention and cannot be filled");
    case 'found':
      return log.info(event, 'new partitions found; reading their history');
    case 'mismatch':
      return log.warn(event, "the provider's total differs from the sum of its parts");
    case 'range_end':
      return log.info(event, 'range end semantics detected');
    case 'overflow':
      return log.warn(event, 'tag limit reached; further values are stored as __other__');
    case 'store_down':
      return log.error(event, 'the store is not accepting points; they wait in the spool');
    case 'spool_full':
      return log.error(event, 'spool full; its oldest bucket became a gap');
    case 'drained':
      return log.info(event, 'spooled points written to the store');
    case 'retagged':
      return log.info(event, 'team assignments changed; points within the lookback moved to the new teams');
    case 'clock_back':
      return log.warn(event, 'system clock moved backwards; re-reading affected windows');
  }
}

const FILL_MESSAGES = {
  started: 'reading the backlog',
  running: 'reading the backlog',
  complete: 'backlog complete',
} as const;

/** `reading the backlog job=trae done="43 %" calls="310 of at most 720" left="7 min"` */
export function logFill(fill: FillReport, log: Logger): void {
  const { job, state, calls, elapsed } = fill;
  const details =
    state === 'complete'
      ? { calls, took: formatSpan(elapsed) }
      : { done: formatShare(fill), calls: formatCalls(fill), left: formatSpan(fill.left) };
  log.info({ job, ...details }, FILL_MESSAGES[state]);
}

/** `43 %` */
export function formatShare({ share }: FillReport): string {
  return `${Math.floor(share * 100)} %`;
}

/** `310 of 720`, or `310 of at most 720` where the number depends on the usage; `730 (estimated 720)` beyond that. */
export function formatCalls({ calls, leastCalls, mostCalls }: FillReport): string {
  if (calls > mostCalls) return `${calls} (estimated ${mostCalls})`;
  const upTo = mostCalls > leastCalls ? 'at most ' : '';
  return `${calls} of ${upTo}${mostCalls}`;
}
