import type { Partition } from '../../providers/provider.ts';
import type { Window } from '../../windows/window.ts';
import type { JobContext } from '../context.ts';
import type { CollectEvent } from '../events.ts';
import { planBackfill } from '../poll/backfill.ts';

/** Progress of a long backlog: the first fill of a job, or what a long downtime left. */
export interface FillReport {
  readonly state: 'started' | 'running' | 'complete';
  readonly job: string;
  /** Calls made so far. */
  readonly calls: number;
  /** Calls to make: at least and, for a provider of totals with usage in every bucket, at most. */
  readonly leastCalls: number;
  readonly mostCalls: number;
  /** Completed part, 0 to 1. */
  readonly share: number;
  /** Seconds since the start, and estimated seconds left. */
  readonly elapsed: number;
  readonly left: number;
}

export interface FillProgress {
  onEvent(event: CollectEvent): void;
  onCall(job: string): void;
  /** Call after each poll. @param left windows that wait for the next poll */
  onPollEnd(job: string, left: number): void;
}

interface Fill {
  readonly startedAt: number;
  readonly leastCalls: number;
  readonly mostCalls: number;
  /** At the rate limit. */
  readonly seconds: number;
  calls: number;
  reportedAt: number;
}

/** Backlogs with a shorter estimate are not reported, seconds. */
const LEAST_SECONDS = 10;
/** Until the poll has ended, an exceeded estimate is not reported as complete. */
const NEARLY = 0.99;

export interface FillOptions {
  /** Unix seconds. */
  readonly now: () => number;
  /** Least time between two reports of one job. */
  readonly everySeconds: number;
  readonly contextOf: (job: string) => JobContext | undefined;
  readonly report: (report: FillReport) => void;
}

/** Reports each long backlog: when it starts, repeatedly while it is read, and when it is complete. */
export function trackFills({ now, everySeconds, contextOf, report }: FillOptions): FillProgress {
  const fills = new Map<string, Fill>();

  function say(job: string, fill: Fill, state: FillReport['state']): void {
    const { calls, leastCalls, mostCalls, seconds, startedAt } = fill;
    const elapsed = now() - startedAt;
    const share = state === 'complete' ? 1 : Math.min(NEARLY, calls / mostCalls);
    const pace = share > 0 ? (elapsed * (1 - share)) / share : 0;
    const left = state === 'complete' ? 0 : Math.max(seconds * (1 - share), pace);
    fill.reportedAt = now();
    report({ state, job, calls, leastCalls, mostCalls, share, elapsed, left });
  }

  return {
    onEvent: (event) => {
      if (event.type !== 'planned' || fills.has(event.job)) return;
      const context = contextOf(event.job);
      if (!context) return;
      const plan = estimate(context, event.windows, event.partitions);
      if (plan.seconds < LEAST_SECONDS) return;
      const fill = { ...plan, startedAt: now(), calls: 0, reportedAt: 0 };
      fills.set(event.job, fill);
      say(event.job, fill, 'started');
    },
    onCall: (job) => {
      const fill = fills.get(job);
      if (!fill) return;
      fill.calls += 1;
      if (now() - fill.reportedAt >= everySeconds) say(job, fill, 'running');
    },
    onPollEnd: (job, left) => {
      const fill = fills.get(job);
      if (!fill || left > 0) return;
      say(job, fill, 'complete');
      fills.delete(job);
    },
  };
}

function estimate(
  context: JobContext,
  windows: readonly Window[],
  partitions: readonly Partition[],
): { leastCalls: number; mostCalls: number; seconds: number } {
  const plans = windows.map((window) => planBackfill(context, window, partitions));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    leastCalls: sum(plans.map(({ calls }) => calls)),
    mostCalls: sum(plans.map(({ mostCalls }) => mostCalls)),
    seconds: sum(plans.map(({ mostSeconds }) => mostSeconds)),
  };
}
