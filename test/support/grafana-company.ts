import { between, seeded } from '../../src/simulator/random.ts';
import { ALERT, HEALTH, RECONCILIATION } from '../../src/usage/catalogue.ts';
import type { Field, Fields, Point, Tags } from '../../src/usage/point.ts';
import { encodeText } from '../../src/usage/tag-encoding.ts';
import { DAY, HOUR } from '../../src/windows/units.ts';

/** When the tests look: a Tuesday, 10:46 in Shanghai. */
export const NOW = Date.parse('2026-03-17T02:46:00Z') / 1000;
/** The hour that is still open. */
export const OPEN_HOUR = NOW - (NOW % HOUR);

/** Names that were seen to break queries. */
const HURTING = [
  'a+b@example.com',
  'a.b@example.com',
  'axb@example.com',
  'team/li.wei@example.com',
  '李雷@示例.公司',
  'with space',
  'k=v',
  'x,y',
  'say "hi"',
  "o'neil",
  String.raw`back\slash`,
  'trailing\\',
  '$dollar',
  '100%',
  '<b>bold</b>',
  '[link](http://x)',
  '${__user.login}',
  '{a,b}',
  '*',
  '(a|b)?',
  '^caret$',
  '#hash&amp',
  '-',
  'a|b (c) [d]',
];
/** As they are stored. */
export const HURTING_NAMES = HURTING.map(encodeText);

/** The fields of usage with their sum, as a poll makes them. */
export function usageFields(fields: Partial<Record<Field, number>>): Fields {
  const { input_tokens: input = 0, output_tokens: output = 0, total_tokens: total } = fields;
  return { tokens: total ?? input + output, ...fields };
}

interface Series {
  readonly tags: Tags;
  readonly fields: (random: () => number) => Fields;
}

const ALL: readonly Field[] = ['cached_input_tokens', 'cache_write_tokens', 'requests', 'images'];

/** Input and output, and some of the other fields. */
const reporting =
  (...others: readonly Field[]) =>
  (random: () => number): Fields => {
    const input = between(random, 1_000, 200_000);
    const parts = others.map((field) => [field, between(random, 0, input / 10)] as const);
    return usageFields({
      input_tokens: input,
      output_tokens: between(random, 100, 20_000),
      ...Object.fromEntries(parts),
    });
  };

const people = ['lin', 'zhao', 'chen', 'wang', 'sun', 'zhou', 'wu', 'xu', 'ma', 'hu', 'guo', 'he'].map(
  (name, index) => ({ user: `${name}@example.com`, team: ['platform', 'apps', 'research'][index % 3]! }),
);

/** Each in its own way: no keys, no users, totals only, hours and days. */
function seriesOfCompany(): Series[] {
  const trae = { provider: 'trae', account: 'lab', model_source: 'built-in' };
  const sigcal = { provider: 'sigcal', account: 'dev' };
  const ark = { provider: 'volcengine-ark', account: 'ark', project: 'default' };
  return [
    ...people.map(({ user, team }, index) => ({
      tags: {
        ...trae,
        bucket: '1h',
        user,
        team,
        model: ['Doubao-Seed-2.0-Code', 'GLM-5.1'][index % 2]!,
        model_type: index % 4 === 0 ? 'CUE' : 'Chat',
      },
      fields: reporting(),
    })),
    ...['k1', 'k2', 'k3', 'k4'].flatMap((key) =>
      ['deepseek-ai/DeepSeek-V3', 'Qwen/Qwen3-Coder'].map((model) => ({
        tags: { provider: 'ucloud', account: 'main', bucket: '1h', key, model, project: 'prod' },
        fields: reporting('requests'),
      })),
    ),
    ...people.slice(0, 6).flatMap(({ user, team }, index) =>
      ['1h', '1d'].map((bucket) => ({
        tags: { ...sigcal, bucket, user, team, key: `sk-${index}`, model: 'gpt-5-mini', project: 'p1' },
        fields: reporting('cached_input_tokens', 'requests'),
      })),
    ),
    {
      tags: { provider: 'r9s', account: 'totals', bucket: '1h' },
      fields: (random) => usageFields({ total_tokens: between(random, 10_000, 900_000) }),
    },
    ...['chat', 'batch'].flatMap((scene, index) =>
      ['1h', '1d'].map((bucket) => ({
        tags: { ...ark, bucket, endpoint: `ep-${index}`, scene, model: 'doubao-seed-1-6' },
        fields: reporting('total_tokens', ...ALL),
      })),
    ),
    {
      tags: {
        ...trae,
        account: 'daily',
        bucket: '1d',
        user: people[0]!.user,
        team: 'platform',
        model_type: 'CUE',
      },
      fields: reporting(),
    },
  ];
}

/** Usage of the last `days`, in office hours; the same at each run. */
export function companyUsage(days: number): Point[] {
  const points: Point[] = [];
  for (const [index, { tags, fields }] of seriesOfCompany().entries()) {
    const random = seeded(index + 1);
    for (const time of times(tags.bucket === '1d' ? DAY : HOUR, days)) {
      const value = fields(random);
      if (tags.bucket === '1d' || isOfficeHour(time)) points.push({ time, tags, fields: value });
    }
  }
  return [...points, ...hurtingUsage(days)];
}

/** Each hurting name is a user, a key and a model, in two hours of every second day. */
function hurtingUsage(days: number): Point[] {
  const of = { bucket: '1h', model: 'gpt-5-mini' };
  const tagged = HURTING.flatMap<Tags>((name) => [
    { ...of, provider: 'trae', account: 'lab', user: name, team: 'hurting' },
    { ...of, provider: 'sigcal', account: 'dev', user: 'lin@example.com', key: name, project: name },
    { ...of, provider: 'ucloud', account: name, model: name },
  ]);
  return tagged.flatMap((tags, index) => {
    const random = seeded(1_000 + index);
    return times(DAY, days)
      .filter((_, day) => day % 2 === 0)
      .flatMap((day) =>
        [3, 4].map((hour) => ({
          time: day + (hour + (index % 4)) * HOUR,
          tags,
          fields: reporting('requests')(random),
        })),
      )
      .filter(({ time }) => time <= OPEN_HOUR);
  });
}

/** Starts of buckets, those of days at midnight in Shanghai. */
function times(step: number, days: number): number[] {
  const last = step === DAY ? OPEN_HOUR - ((OPEN_HOUR + 8 * HOUR) % DAY) : OPEN_HOUR;
  return Array.from({ length: (days * DAY) / step }, (_, index) => last - index * step).toReversed();
}

const isOfficeHour = (time: number): boolean => {
  const hour = ((time + 8 * HOUR) % DAY) / HOUR;
  return hour >= 8 && hour < 22;
};

const JOBS = [
  { provider: 'trae', account: 'lab', job: 'trae-lab' },
  { provider: 'ucloud', account: 'main', job: 'ucloud-main' },
  { provider: 'sigcal', account: 'dev', job: 'sigcal-dev' },
  { provider: 'r9s', account: 'totals', job: 'r9s-totals' },
  { provider: 'volcengine-ark', account: 'ark', job: 'ark' },
];

/** A poll each hour: some fail, the third job has a gap, the store of the last was down for half a day. */
export function companyHealth(days: number): Point[] {
  return JOBS.flatMap((tags, index) =>
    times(HOUR, days)
      .filter((_, hour) => index !== 2 || hour % 200 > 5)
      .map((hour, nth) => {
        const failed = nth % 37 === index;
        const spooled = index === 4 && nth % 100 < 12 ? 500 : 0;
        const fields: Fields = {
          polls_ok: failed ? 0 : 1,
          polls_failed: failed ? 1 : 0,
          calls_ok: 12,
          calls_failed: failed ? 3 : 0,
          calls_denied: failed && index === 1 ? 1 : 0,
          data_age_seconds: failed ? 2 * HOUR : HOUR / 2,
          final_until: hour - 3 * DAY,
          bucket_seconds: index === 4 ? DAY : HOUR,
          backlog_buckets: nth < 24 ? 24 - nth : 0,
          gaps_open: index === 2 && nth % 200 < 24 ? 1 : 0,
          gaps_expired: index === 2 ? Math.floor(nth / 400) : 0,
          written_points: spooled ? 0 : 40,
          rejected_points: nth % 300 === 7 ? 2 : 0,
          dropped_rows: nth % 150 === 3 ? 1 : 0,
          revisions: nth % 5,
          mismatches: nth % 250 === 9 ? 1 : 0,
          lookback_seconds: 3 * DAY,
          ...(nth > 100 && { lookback_advice_seconds: 2 * DAY + index * 12 * HOUR }),
          held_back_points: index,
          spool_points: spooled,
        };
        return { measurement: HEALTH.name, time: Math.min(hour + 45 * 60 + index, NOW), tags, fields };
      }),
  );
}

export function companyReconciliations(days: number): Point[] {
  return JOBS.slice(0, 4).flatMap((tags, index) =>
    times(DAY, days).map((day, nth) => ({
      measurement: RECONCILIATION.name,
      time: day + index,
      tags,
      fields: {
        provider_tokens: 1_000_000 + nth,
        stored_tokens: 1_000_000 + nth - (index === 2 ? 20_000 : 0),
        difference: index === 2 ? -20_000 : 0,
        from: day - DAY,
        to: day,
      },
    })),
  );
}

/** Verdicts on some keys, open and closed. */
export function companyAlerts(days: number): Point[] {
  return times(DAY, days).flatMap((day, nth) =>
    (['notice', 'page'] as const).map((severity, index) => ({
      measurement: ALERT.name,
      time: day + 3 * HOUR,
      tags: {
        provider: 'sigcal',
        account: 'dev',
        key: `sk-${nth % 6}`,
        bucket: '1h',
        rule: 'spike_key',
        severity,
      } as Tags,
      fields: {
        value: 5_000_000,
        expected: 500_000,
        limit: 1_000_000,
        ratio: 10,
        state: (nth + index) % 3,
      } as Fields,
    })),
  );
}
