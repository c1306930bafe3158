import { between, seeded } from '../../src/simulator/random.ts';
import { ALERT, HEALTH, RECONCILIATION } from '../../src/usage/catalogue.ts';
import type { Fields, Point, Tags } from '../../src/usage/point.ts';
import { DAY, HOUR } from '../../src/windows/units.ts';
import { NOW, OPEN_HOUR, usageFields } from './grafana-company.ts';

/** Weeks of ordinary usage for the alert rules. */

interface Habit {
  readonly tags: Tags;
  /** Tokens of an ordinary hour. */
  readonly tokens: number;
  readonly days: number;
  readonly shape?: keyof typeof SHAPES;
  /** Shares of the input; absent where the provider does not report it. */
  readonly cached?: number;
  /** Reports nothing but totals. */
  readonly totals?: true;
}

const ZONE = 8 * HOUR;
const hourOf = (time: number): number => Math.floor(((time + ZONE) % DAY) / HOUR);
/** 0 is Monday. */
const weekdayOf = (time: number): number => (Math.floor((time + ZONE) / DAY) + 3) % 7;

/** How much of an ordinary hour is used at a time. */
const SHAPES = {
  office: (time: number): number => {
    const hour = hourOf(time);
    if (hour < 8 || hour > 21) return 0;
    return (weekdayOf(time) > 4 ? 0.2 : 1) * (hour < 10 || hour > 18 ? 0.6 : 1);
  },
  nightly: (time: number): number => (hourOf(time) === 2 ? 1 : 0),
  weekly: (time: number): number => (hourOf(time) === 3 && weekdayOf(time) === 0 ? 1 : 0),
  always: (): number => 1,
  sparse: (time: number): number => (Math.floor(time / HOUR) % 29 === 0 ? 1 : 0),
};

/** Hourly buckets until now; the open one is half full. */
function history({ tags, tokens, days, shape = 'office', cached, totals }: Habit): Point[] {
  const random = seeded(
    Array.from(JSON.stringify(tags)).reduce((hash, char) => (hash * 31 + char.codePointAt(0)!) | 0, 7),
  );
  const points: Point[] = [];
  for (let time = OPEN_HOUR - days * DAY; time <= OPEN_HOUR; time += HOUR) {
    const noise = between(random, 75, 125) / 100;
    const output = between(random, 8, 12) / 100;
    const partial = time === OPEN_HOUR ? 0.5 : 1;
    const amount = Math.round(tokens * SHAPES[shape](time) * noise * partial);
    if (amount > 0)
      points.push({
        time,
        tags: { ...tags, bucket: '1h' },
        fields: fieldsOf(amount, output, cached, totals),
      });
  }
  return points;
}

export function fieldsOf(tokens: number, share: number, cached?: number, totals?: true): Fields {
  if (totals) return usageFields({ total_tokens: tokens });
  const output = Math.round(tokens * share);
  const input = tokens - output;
  return usageFields({
    input_tokens: input,
    output_tokens: output,
    ...(cached !== undefined && { cached_input_tokens: Math.round(input * cached), requests: 10 }),
  });
}

/** Accounts that events may change, one each, and others. All are ordinary. */
export function ordinaryUsage(days = 45): Point[] {
  const keys = (account: string, count: number, tokens: number): Habit[] =>
    Array.from({ length: count }, (_, index) => ({
      tags: { provider: 'ucloud', account, key: `k${index + 1}`, model: 'deepseek-ai/DeepSeek-V3' },
      tokens,
      days,
    }));
  const habits: Habit[] = [
    ...keys('keys', 4, 300_000),
    ...keys('new-key', 4, 300_000),
    ...keys('dominance', 6, 60_000),
    ...['lin', 'zhao', 'chen', 'wang'].map((user) => ({
      tags: {
        provider: 'trae',
        account: 'users',
        user: `${user}@example.com`,
        team: 'apps',
        model: 'GLM-5.1',
      },
      tokens: 250_000,
      days,
    })),
    ...['total', 'day'].map((account) => ({
      tags: { provider: 'r9s', account },
      tokens: 1_500_000,
      days,
      totals: true as const,
    })),
    ...[
      ['doubao-seed-1-6', 2_000_000],
      ['deepseek-v3-2', 300_000],
    ].map(([model, tokens]) => ({
      tags: { provider: 'volcengine-ark', account: 'models', model: String(model), endpoint: `ep-${model}` },
      tokens: Number(tokens),
      days,
    })),
    ...['cache', 'output'].map((account) => ({
      tags: {
        provider: 'sigcal',
        account,
        model: 'gpt-5-mini',
        user: 'sun@example.com',
        key: 'sk-1',
        team: 'apps',
      },
      tokens: account === 'cache' ? 1_600_000 : 350_000,
      days,
      cached: 0.4,
    })),
    {
      tags: { provider: 'sigcal', account: 'batch', model: 'gpt-5-mini', key: 'sk-n' },
      tokens: 3e6,
      days,
      shape: 'nightly',
    },
    {
      tags: { provider: 'sigcal', account: 'batch', model: 'gpt-5-mini', key: 'sk-w' },
      tokens: 9e6,
      days,
      shape: 'weekly',
    },
    {
      tags: { provider: 'sigcal', account: 'batch', model: 'gpt-5-mini', key: 'sk-a' },
      tokens: 8e5,
      days,
      shape: 'always',
    },
    {
      tags: { provider: 'sigcal', account: 'batch', model: 'o4-mini', key: 'sk-s' },
      tokens: 4e5,
      days,
      shape: 'sparse',
    },
  ];
  return [...habits.flatMap(history), ...dailyUsage(days)];
}

/** An account whose provider reports days only. */
function dailyUsage(days: number): Point[] {
  const tags: Tags = { provider: 'trae', account: 'daily', user: 'lin@example.com', bucket: '1d' };
  const random = seeded(99);
  const today = OPEN_HOUR - ((OPEN_HOUR + ZONE) % DAY);
  return Array.from({ length: days }, (_, ago) => today - ago * DAY)
    .toReversed()
    .map((time) => {
      const rest = weekdayOf(time) > 4 ? 0.2 : 1;
      return {
        time,
        tags,
        fields: fieldsOf(Math.round(4_000_000 * rest * (between(random, 80, 120) / 100)), 0.1),
      };
    });
}

export interface Job {
  readonly provider: string;
  readonly account: string;
  readonly job: string;
}
export const JOBS: readonly Job[] = [
  { provider: 'trae', account: 'users', job: 'trae' },
  { provider: 'trae', account: 'daily', job: 'trae-daily' },
  { provider: 'ucloud', account: 'keys', job: 'ucloud' },
  { provider: 'sigcal', account: 'cache', job: 'sigcal' },
  { provider: 'r9s', account: 'total', job: 'r9s' },
  { provider: 'volcengine-ark', account: 'models', job: 'ark' },
];

/** Polls every half hour, all of them good; the job with days is at most a day behind. */
export function ordinaryHealth(days = 15): Point[] {
  return JOBS.flatMap((tags, index) => {
    const points: Point[] = [];
    for (let time = NOW - days * DAY; time <= NOW; time += HOUR / 2) {
      const daily = tags.job === 'trae-daily';
      points.push({
        measurement: HEALTH.name,
        time: time - 60 - index,
        tags,
        fields: {
          polls_ok: 1,
          polls_failed: 0,
          calls_ok: 5,
          calls_failed: 0,
          calls_denied: 0,
          data_age_seconds: daily ? (time + ZONE) % DAY : time % HOUR,
          final_until: time - 3 * DAY,
          bucket_seconds: daily ? DAY : HOUR,
          backlog_buckets: 0,
          gaps_open: 0,
          gaps_expired: 1,
          written_points: 20,
          rejected_points: 0,
          dropped_rows: 0,
          revisions: 1,
          mismatches: 0,
          lookback_seconds: 3 * DAY,
          lookback_advice_seconds: 2 * DAY,
          held_back_points: 0,
          spool_points: 0,
        },
      });
    }
    return points;
  });
}

export function ordinaryReconciliations(): Point[] {
  return JOBS.map((tags) => ({
    measurement: RECONCILIATION.name,
    time: NOW - 10 * DAY,
    tags,
    fields: {
      provider_tokens: 40_000_000,
      stored_tokens: 40_000_500,
      difference: 500,
      from: NOW - 20 * DAY,
      to: NOW - 10 * DAY,
    },
  }));
}

/** Verdicts of another program: an old one, and one that was closed. */
export function ordinaryAlerts(): Point[] {
  return [verdict('page', 9 * 24, 2), verdict('notice', 1, 0)];
}

export function verdict(
  severity: 'page' | 'notice',
  hoursAgo: number,
  state: number,
  fields: Fields = {},
): Point {
  return {
    measurement: ALERT.name,
    time: OPEN_HOUR - hoursAgo * HOUR,
    tags: {
      provider: 'ucloud',
      account: 'keys',
      key: 'k1',
      bucket: '1h',
      rule: 'three-windows',
      severity,
    },
    fields: { ...fields, state },
  };
}
