import { between, seeded } from '../../src/simulator/random.ts';
import { ALERT, HEALTH, RECONCILIATION } from '../../src/usage/catalogue.ts';
import type { Fields, Point, Tags } from '../../src/usage/point.ts';
import { DAY, HOUR } from '../../src/windows/units.ts';
import { NOW, OPEN_HOUR, usageFields } from './grafana-company.ts';

/** Weeks of ordinary usage for the alert rules, and parts of it to change. */

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

function fieldsOf(tokens: number, share: number, cached?: number, totals?: true): Fields {
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

function verdict(severity: 'page' | 'notice', hoursAgo: number, state: number, fields: Fields = {}): Point {
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
    } as Tags,
    fields: { ...fields, state } as Fields,
  };
}

export interface Event {
  /** Points of ordinary weeks as they are with the event. */
  readonly change?: (point: Point) => Point;
  readonly add?: readonly Point[];
  /** The rules that fire, each with the labels that have a value. */
  readonly fires: readonly string[];
}

/** Changes the usage of some series in the hours from `ago` until `until` before now. */
function usageOf(
  tags: Tags,
  from: number,
  until: number,
  change: (fields: Fields) => Fields,
): (point: Point) => Point {
  return (point) => {
    const hours = (OPEN_HOUR - point.time) / HOUR;
    const isChanged = hours < from && hours >= until && !point.measurement && has(point, tags);
    return isChanged ? { ...point, fields: change(point.fields) } : point;
  };
}

const has = (point: Point, tags: Tags): boolean =>
  Object.entries(tags).every(([tag, value]) => point.tags[tag as keyof Tags] === value);

const times =
  (factor: number) =>
  (fields: Fields): Fields =>
    Object.fromEntries(
      Object.entries(fields).map(([field, value]) => [
        field,
        field === 'requests' ? value : Math.round(Number(value) * factor),
      ]),
    );

const withFields =
  (part: (fields: Fields) => Partial<Record<string, number>>) =>
  (fields: Fields): Fields => {
    const changed = { ...fields, ...part(fields) } as Record<string, number>;
    return usageFields(changed);
  };

/** The state of one job, or of all, at the latest polls. */
const healthOf =
  (job: string | undefined, hours: number, fields: Fields) =>
  (point: Point): Point =>
    point.measurement === HEALTH.name &&
    (job === undefined || (point.tags as Partial<Job>).job === job) &&
    point.time > NOW - hours * HOUR
      ? { ...point, fields: { ...point.fields, ...fields } }
      : point;

/** Usage in the hours before now, of a series that did not exist. */
const fresh = (tags: Tags, hours: number, tokens: number): Point[] =>
  Array.from({ length: hours }, (_, ago) => ({
    time: OPEN_HOUR - ago * HOUR,
    tags: { ...tags, bucket: '1h' },
    fields: fieldsOf(tokens, 0.1),
  }));

const job = (name: string): string => {
  const found = JOBS.find((each) => each.job === name)!;
  return `provider=${found.provider} account=${found.account} job=${name}`;
};

/** What a page at night is for. */
export const EVENTS: Readonly<Record<string, Event>> = {
  'a key uses ten times as much in the open hour': {
    change: usageOf({ account: 'keys', key: 'k2' }, 1, 0, times(10)),
    fires: ['spike-key provider=ucloud account=keys key=k2'],
  },
  'a user uses ten times as much in the last closed hour': {
    change: usageOf({ account: 'users', user: 'zhao@example.com' }, 2, 1, times(5)),
    fires: ['spike-user provider=trae account=users team=apps user=zhao@example.com'],
  },
  'an account of totals uses ten times as much': {
    change: usageOf({ account: 'total' }, 1, 0, times(25)),
    fires: ['spike-account provider=r9s account=total'],
  },
  'a small model is used ten times as much': {
    change: usageOf({ account: 'models', model: 'deepseek-v3-2' }, 2, 0, times(10)),
    fires: ['spike-model provider=volcengine-ark account=models model=deepseek-v3-2'],
  },
  'a key that was never used uses much': {
    add: fresh(
      { provider: 'ucloud', account: 'new-key', key: 'k9', model: 'deepseek-ai/DeepSeek-V3' },
      5,
      200_000,
    ),
    fires: ['new-key provider=ucloud account=new-key key=k9'],
  },
  'a model appears': {
    add: fresh(
      { provider: 'volcengine-ark', account: 'models', model: 'kimi-k2', endpoint: 'ep-3' },
      3,
      60_000,
    ),
    fires: ['new-model provider=volcengine-ark account=models model=kimi-k2'],
  },
  'a day has four times the usage of its weekday': {
    // Yesterday in Shanghai.
    change: usageOf({ account: 'day' }, 34, 11, times(4)),
    fires: ['day provider=r9s account=day bucket=1h'],
  },
  'a day has four times the usage, of a provider that reports days': {
    change: usageOf({ account: 'daily' }, 35, 12, times(4)),
    fires: ['day provider=trae account=daily bucket=1d'],
  },
  'the cache is not hit any more': {
    change: usageOf(
      { account: 'cache' },
      8,
      0,
      withFields((fields) => ({
        cached_input_tokens: Math.round(Number(fields.cached_input_tokens) * 0.1),
      })),
    ),
    fires: ['cache-share provider=sigcal account=cache model=gpt-5-mini'],
  },
  'a loop writes eight times the output': {
    change: usageOf(
      { account: 'output' },
      3,
      0,
      withFields((fields) => ({
        output_tokens: Number(fields.output_tokens) * 8,
      })),
    ),
    fires: ['output-ratio provider=sigcal account=output team=apps user=sun@example.com key=sk-1'],
  },
  'one key takes over its account': {
    change: usageOf({ account: 'dominance', key: 'k1' }, 24, 0, times(9)),
    fires: ['dominance provider=ucloud account=dominance key=k1'],
  },
  'data of a job is four hours old': {
    change: healthOf('trae', 2, { data_age_seconds: 4 * HOUR }),
    fires: [`stale ${job('trae')}`],
  },
  'a job with days is 31 hours behind': {
    change: healthOf('trae-daily', 2, { data_age_seconds: 31 * HOUR }),
    fires: [`stale ${job('trae-daily')}`],
  },
  'the polls of a job fail for four hours': {
    change: healthOf('ucloud', 4, { polls_ok: 0, polls_failed: 1 }),
    fires: [`stale ${job('ucloud')}`],
  },
  'a provider refuses the credentials': {
    change: healthOf('sigcal', 1, { calls_denied: 3, calls_failed: 3 }),
    fires: [`credentials ${job('sigcal')}`],
  },
  'a gap is open': {
    change: healthOf('r9s', 13, { gaps_open: 2 }),
    fires: [`gap-open ${job('r9s')}`],
  },
  'a gap expires': {
    change: healthOf('r9s', 6, { gaps_expired: 2 }),
    fires: [`gap-expired ${job('r9s')}`],
  },
  'the store takes no points': {
    change: healthOf(undefined, 1, { spool_points: 4_000 }),
    fires: ['spool'],
  },
  'the store rejects points': {
    change: healthOf('ark', 0.75, { rejected_points: 7 }),
    fires: [`rejected ${job('ark')}`],
  },
  'usage arrives later than it is read': {
    change: healthOf('sigcal', 1, { lookback_advice_seconds: 4 * DAY }),
    fires: [`lookback ${job('sigcal')}`],
  },
  'stored usage is less than what the provider says': {
    add: [
      {
        measurement: RECONCILIATION.name,
        time: NOW - HOUR,
        tags: JOBS[2] as Tags,
        fields: {
          provider_tokens: 40_000_000,
          stored_tokens: 39_900_000,
          difference: -100_000,
          from: 0,
          to: 1,
        },
      },
    ],
    fires: [`reconciliation ${job('ucloud')}`],
  },
  'another program reports an urgent verdict': {
    add: [verdict('page', 0, 2, { value: 5_000_000, limit: 1_000_000, expected: 200_000 } as Fields)],
    fires: ['verdict-page provider=ucloud account=keys bucket=1h key=k1 rule=three-windows'],
  },
  'another program reports a verdict without numbers': {
    add: [verdict('notice', 0, 1)],
    fires: ['verdict-notice provider=ucloud account=keys bucket=1h key=k1 rule=three-windows'],
  },
};

export function withEvents(points: readonly Point[], events: readonly Event[]): Point[] {
  const changed = points.map((point) =>
    events.reduce((current, { change }) => change?.(current) ?? current, point),
  );
  return [...changed, ...events.flatMap(({ add = [] }) => add)];
}
