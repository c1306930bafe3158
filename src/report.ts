import type { CollectEvent } from './collect/events.ts';
import type { Logger } from './observe/log.ts';
import type { Metrics } from './observe/metrics.ts';

/** Turns what happens while collecting into log lines and metrics. */
export function reporter(log: Logger, metrics: Metrics): (event: CollectEvent) => void {
  return (event) => {
    measure(event, metrics);
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

/** Normal conditions are metrics; a log line is for what somebody should know. */
function record({ type, ...event }: CollectEvent, log: Logger): void {
  switch (type) {
    case 'written':
      if ('rejected' in event && event.rejected > 0)
        log.error(event, 'the store refused points: see rejected.jsonl in the data folder');
      return log.debug(event, 'points written');
    case 'revised':
    case 'dropped':
      return log.debug(event, type === 'dropped' ? 'rows left out' : 'points revised');
    case 'gap':
      return log.warn(event, 'a window could not be read: it is a gap and will be tried again');
    case 'expired':
      return log.error(event, 'gaps are older than the provider remembers: they are lost');
    case 'found':
      return log.info(event, 'new partitions found: their history is read');
    case 'mismatch':
      return log.warn(event, "the provider's total differs from the sum of its parts");
    case 'range_end':
      return log.info(event, 'found out how the provider takes the end of a range');
    case 'overflow':
      return log.warn(event, 'a tag has reached its limit: further values are stored as __other__');
    case 'store_down':
      return log.error(event, 'the store does not take points: they wait in the spool');
    case 'spool_full':
      return log.error(event, 'the spool is full: its oldest bucket became a gap');
    case 'drained':
      return log.info(event, 'points that waited for the store are stored');
    case 'retagged':
      return log.info(
        event,
        'users have changed teams: the points of the look-back are stored under the new ones',
      );
    case 'clock_back':
      return log.warn(event, 'the clock went back: what was read under the wrong time is read again');
  }
}
