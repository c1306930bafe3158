import { withTokens, zeros } from '../../usage/aggregate.ts';
import { seriesKey } from '../../usage/series.ts';
import type { Point } from '../../usage/point.ts';
import type { JobContext } from '../context.ts';
import { deliver, spool } from './deliver.ts';
import { storedTags } from './to-points.ts';

const TEAMS = 'teams';

/**
 * Moves the points of the lookback to the users' current teams. A team is a tag: without this, usage that is read
 * again would be stored twice, under the old and the new team. Older points keep their team.
 */
export async function retag(context: JobContext, signal: AbortSignal): Promise<void> {
  const { job, ledger, store, observe } = context;
  const text = ledger.state.get(job.name, TEAMS) ?? '[]';
  const before = new Map(JSON.parse(text) as [string, string][]);
  const after = JSON.stringify([...(job.teams ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  if (after === text) return;
  // Points of the former teams may be stored: they are moved once the store overwrites again.
  if (!store.overwrites && ledger.checkpoints.of(job.name).length > 0) return;

  const [old, now] = [storedTags(context, before), storedTags(context)];
  const moved: Point[] = [];
  const all = { start: 0, end: Number.MAX_SAFE_INTEGER };
  for (const { time, tags, fields } of ledger.lastAnswers.of(job.name, all).values()) {
    const [from, to] = [old(tags), now(tags)];
    if (seriesKey(from) === seriesKey(to)) continue;
    const stored = withTokens(fields);
    moved.push({ time, tags: from, fields: zeros(stored) }, { time, tags: to, fields: stored });
  }
  const { kept } = await deliver(context, moved, signal);
  ledger.commit(() => {
    spool(context, kept);
    ledger.state.set(job.name, TEAMS, after);
  });
  if (moved.length > 0) observe({ type: 'retagged', job: job.name, points: moved.length / 2 });
}
