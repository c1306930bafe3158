import { beforeEach, describe, expect, it } from 'vitest';
import { createMetrics, type CollectorState, type Metrics } from '../../src/observe/metrics.ts';

let state: CollectorState;
let metrics: Metrics;

beforeEach(() => {
  state = { jobs: [], spoolPoints: 0, openAlerts: {} };
  metrics = createMetrics({ version: '1.2.3', state: () => state });
});

describe('createMetrics', () => {
  it('exports the state at scrape time', async () => {
    state = {
      jobs: [
        {
          job: 'trae-main',
          dataAge: 120,
          openGaps: 2,
          expiredGaps: 1,
          missedPolls: 4,
          heldBackPoints: 7,
          lookbackAdvice: 7200,
          reconcileDifference: -5,
        },
      ],
      spoolPoints: 10,
      openAlerts: { notice: 2, page: 0 },
    };

    expect(await samples()).toEqual(
      expect.arrayContaining([
        'tokentide_data_age_seconds{job="trae-main"} 120',
        'tokentide_open_gaps{job="trae-main"} 2',
        'tokentide_expired_gaps{job="trae-main"} 1',
        'tokentide_missed_polls{job="trae-main"} 4',
        'tokentide_held_back_points{job="trae-main"} 7',
        'tokentide_lookback_advice_seconds{job="trae-main"} 7200',
        'tokentide_reconcile_difference_tokens{job="trae-main"} -5',
        'tokentide_spool_points 10',
        'tokentide_up 1',
        'tokentide_build_info{version="1.2.3"} 1',
      ]),
    );
  });

  it('omits unknown values', async () => {
    state = {
      jobs: [{ job: 'trae-main', openGaps: 0, expiredGaps: 0, missedPolls: 0, heldBackPoints: 0 }],
      spoolPoints: 0,
      openAlerts: { notice: 2, page: 0 },
    };

    const text = (await samples()).join('\n');

    expect(text).toContain('tokentide_open_gaps{job="trae-main"} 0');
    expect(text).not.toMatch(/data_age_seconds|lookback_advice_seconds|reconcile_difference_tokens/);
  });

  it('drops the gauges of a removed job', async () => {
    state = {
      jobs: [
        { job: 'trae-main', dataAge: 1, openGaps: 1, expiredGaps: 0, missedPolls: 0, heldBackPoints: 0 },
      ],
      spoolPoints: 0,
      openAlerts: { notice: 2, page: 0 },
    };
    await samples();

    state = { jobs: [], spoolPoints: 0, openAlerts: {} };

    expect((await samples()).filter((line) => line.includes('data_age') || line.includes('gaps'))).toEqual(
      [],
    );
  });

  it('initialises the counters of a job with 0', async () => {
    state = {
      jobs: [{ job: 'trae-main', openGaps: 0, expiredGaps: 0, missedPolls: 0, heldBackPoints: 0 }],
      spoolPoints: 0,
      openAlerts: { notice: 2, page: 0 },
    };

    const before = await samples();
    metrics.polls.inc({ job: 'trae-main', result: 'failed' });
    const after = await samples();

    expect(before).toContain('tokentide_polls_total{job="trae-main",result="failed"} 0');
    expect(after).toContain('tokentide_polls_total{job="trae-main",result="failed"} 1');
  });

  it('counts', async () => {
    metrics.lastPoll.set({ job: 'a' }, 1_790_784_000);
    metrics.pollDuration.observe({ job: 'a' }, 0.3);
    metrics.lostRuns.inc({ job: 'a', reason: 'overlap' });
    metrics.providerCalls.inc({ provider: 'trae', action: 'users', result: 'ok' }, 3);
    metrics.points.inc({ job: 'a', outcome: 'kept' }, 5);
    metrics.revisions.inc({ job: 'a' }, 2);
    metrics.droppedRows.inc({ job: 'a', reason: 'duplicate' }, 4);
    metrics.mismatches.inc({ job: 'a' });
    metrics.tagOverflows.inc({ tag: 'user' }, 6);
    metrics.notifications.inc({ channel: 'ops', result: 'sent' }, 7);

    expect(await samples()).toEqual(
      expect.arrayContaining([
        'tokentide_last_poll_timestamp_seconds{job="a"} 1790784000',
        'tokentide_poll_duration_seconds_bucket{le="0.5",job="a"} 1',
        'tokentide_lost_runs_total{job="a",reason="overlap"} 1',
        'tokentide_provider_calls_total{provider="trae",action="users",result="ok"} 3',
        'tokentide_points_total{job="a",outcome="kept"} 5',
        'tokentide_revisions_total{job="a"} 2',
        'tokentide_dropped_rows_total{job="a",reason="duplicate"} 4',
        'tokentide_mismatches_total{job="a"} 1',
        'tokentide_tag_overflows_total{tag="user"} 6',
        'tokentide_notifications_total{channel="ops",result="sent"} 7',
      ]),
    );
  });

  it('has the usual metrics of the process, and a registry of its own', async () => {
    const other = createMetrics({ version: '1.2.3', state: () => state });

    expect(await other.text()).toContain('process_resident_memory_bytes');
    expect(metrics.contentType).toContain('text/plain');
  });

  it('names metrics by convention, each with a help text', async () => {
    const text = await metrics.text();

    const names = [...text.matchAll(/^# TYPE (tokentide_\S+) (\S+)$/gm)];

    expect(names.length).toBeGreaterThanOrEqual(18);
    for (const [, name, type] of names) {
      expect(name).toMatch(/^tokentide_[a-z_]+$/);
      expect(name!.endsWith('_total'), name).toBe(type === 'counter');
      expect(text).toMatch(new RegExp(`^# HELP ${name} .+\\.$`, 'm'));
    }
  });
});

async function samples(): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => line.startsWith('tokentide_'));
}
