import { HEALTH, RECONCILIATION } from '../../src/usage/catalogue.ts';
import type { Fields, Point, Tags } from '../../src/usage/point.ts';
import { DAY, HOUR } from '../../src/windows/units.ts';
import { NOW, OPEN_HOUR, usageFields } from './grafana-company.ts';
import { fieldsOf, JOBS, verdict, type Job } from './grafana-usage-history.ts';

/** What alert rules are for, as changes of ordinary weeks. */

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
    add: [verdict('page', 0, 2, { value: 5_000_000, limit: 1_000_000, expected: 200_000 })],
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
