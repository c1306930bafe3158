import { describe, expect, it } from 'vitest';
import { createWorkCalendar } from '../../src/alerts/calendar.ts';
import { replay } from '../../src/alerts/replay.ts';
import { DEFAULT_RULES, type RuleName, type Rules } from '../../src/alerts/rules.ts';
import type { HourlySeries, ReplayEntry } from '../../src/alerts/types.ts';
import { HOUR } from '../../src/windows/units.ts';
import { page } from '../support/markdown.ts';
import {
  accountOf,
  add,
  at,
  HOLIDAY,
  office,
  seriesOf,
  service,
  START,
  timeAt,
  tokensOf,
  WEEKS,
} from './usage-of.ts';

const FROM = timeAt(28, 0);
const TO = timeAt(7 * WEEKS, 0);

function fired(series: readonly HourlySeries[], rules: Rules = DEFAULT_RULES, from = FROM): ReplayEntry[] {
  return replay({ series, from, to: TO, zone: 'Asia/Shanghai', rules, calendar: createWorkCalendar() });
}

const rulesOf = (entries: readonly ReplayEntry[]): string[] => entries.map(({ rule }) => rule).toSorted();

/** Others, so that the account is more than one key. */
const others = ['a', 'b', 'c'].map((name) => seriesOf('key', name, tokensOf(name, service)));
const withAccount = (leaf: HourlySeries, ...same: HourlySeries[]): HourlySeries[] => [
  leaf,
  ...same,
  ...others,
  accountOf(leaf, ...others),
];

describe('ordinary usage', () => {
  it.each<[string, (day: number, hour: number) => number]>([
    ['an office', office],
    ['a service around the clock', service],
    ['a nightly batch of an hour', (_, hour) => (hour === 3 ? 2_000_000 : 0)],
    ['a weekly batch', (day, hour) => (day % 7 === 5 && hour >= 2 && hour < 4 ? 3_000_000 : 0)],
  ])('of %s raises no alert', (_, shape) => {
    const key = seriesOf('key', 'k', tokensOf('k', shape));

    expect(fired(withAccount(key))).toEqual([]);
  });

  it('of a holiday and of a working Saturday raises no alert', () => {
    // The Saturday after it is made a working day.
    const key = seriesOf(
      'key',
      'k',
      tokensOf('k', (day, hour) => office(day === HOLIDAY + 1 ? 0 : day, hour)),
    );
    const calendar = createWorkCalendar({ workdays: ['2026-06-20'] });
    const input = { series: [key], from: FROM, to: TO, zone: 'Asia/Shanghai', rules: DEFAULT_RULES };

    expect(replay({ ...input, calendar })).toEqual([]);
    expect(replay({ ...input, calendar: createWorkCalendar() })).not.toEqual([]);
  });
});

describe('a spike', () => {
  it('of a key is one page, at the end of its first hour, with the numbers', () => {
    const key = seriesOf('key', 'ak-7f', add(tokensOf('k', office), at(36, 2), 3, 4_000_000));

    const entries = fired(withAccount(key));

    expect(entries).toEqual([
      {
        rule: 'spike_key',
        severity: 'page',
        tags: { provider: 'sigcal', account: 'main', key: 'ak-7f' },
        start: timeAt(36, 2),
        end: timeAt(36, 5),
        fired_at: timeAt(36, 3),
        value: 4_000_000,
        expected: 0,
        limit: 229_241,
        text: 'key ak-7f: 4 M tokens 2026-06-16 02:00-03:00, usual 0 at this hour of a working day; limit 229 k',
      },
    ]);
    expect(page('docs/alert-detector.md').text).toContain(entries[0]!.text);
  });

  it('below the floor is none', () => {
    const small = (): Float64Array => tokensOf('k', (day, hour) => office(day, hour) / 100);

    expect(fired([seriesOf('key', 'k', add(small(), at(36, 2), 1, 190_000))])).toEqual([]);
    expect(fired([seriesOf('key', 'k', add(small(), at(36, 2), 1, 210_000))])).toHaveLength(1);
  });

  it('that is not twice as much as usual is none', () => {
    expect(fired([seriesOf('key', 'k', add(tokensOf('k', service), at(36, 12), 1, 450_000))])).toEqual([]);
  });

  it('is not seen in windows with an hour that was not read', () => {
    const slow = (): Float64Array => add(tokensOf('k', service, 0.01), at(36, 0), 12, 580_000);
    const unread = slow();
    for (let i = at(36, 0); i < at(36, 12); i += 3) unread[i] = Number.NaN;

    expect(fired([seriesOf('key', 'k', slow())])).not.toEqual([]);
    expect(fired([seriesOf('key', 'k', unread)])).toEqual([]);
  });

  it('does not make the next one usual', () => {
    const once = add(tokensOf('k', service), at(30, 8), 6, 4_000_000);
    const [second] = fired(
      [seriesOf('key', 'k', add(once.slice(), at(36, 9), 6, 4_000_000))],
      DEFAULT_RULES,
      timeAt(33, 0),
    );
    const [only] = fired([seriesOf('key', 'k', add(tokensOf('k', service), at(36, 9), 6, 4_000_000))]);

    expect(second!.start).toBe(only!.start);
    expect(second!.limit).toBeCloseTo(only!.limit, -5);
  });

  it('at the same time in two weeks is a schedule', () => {
    const tokens = tokensOf('k', office);
    for (const day of [16, 23, 30]) add(tokens, at(day, 22), 1, 3_000_000);

    expect(fired([seriesOf('key', 'k', tokens)])).toEqual([]);
  });

  it('that returns after three quiet hours at twice the size is another incident', () => {
    const tokens = add(tokensOf('k', service), at(36, 2), 1, 4_000_000);

    expect(fired([seriesOf('key', 'k', add(tokens.slice(), at(36, 4), 1, 20_000_000))])).toHaveLength(1);
    expect(fired([seriesOf('key', 'k', add(tokens.slice(), at(36, 12), 1, 4_000_000))])).toHaveLength(1);
    expect(fired([seriesOf('key', 'k', add(tokens.slice(), at(36, 12), 1, 20_000_000))])).toHaveLength(2);
  });
});

describe('a launch', () => {
  it('raises two alerts at most and is usual after two days', () => {
    const key = seriesOf(
      'key',
      'k',
      tokensOf('k', (day, hour) => office(day, hour) * (day >= 29 ? 4 : 1)),
    );

    const entries = fired([key]);

    expect(entries.length).toBeGreaterThan(0);
    expect(entries.length).toBeLessThanOrEqual(2);
    expect(entries.at(-1)!.end).toBeLessThan(timeAt(31, 0));
  });
});

describe('totals', () => {
  it('are silent where one user explains them', () => {
    const user = seriesOf('user', 'u', add(tokensOf('u', office), at(36, 2), 2, 40_000_000), { team: 't' });
    const team = {
      ...seriesOf('team', 't', user.tokens),
      tags: { provider: 'sigcal', account: 'main', team: 't' },
    };
    const model = seriesOf('model', 'm', user.tokens);
    const key = seriesOf('key', 'k', user.tokens);

    expect(rulesOf(fired(withAccount(user, team, model)))).toEqual(['spike_user']);
    expect(rulesOf(fired(withAccount(user, key)))).toEqual(['spike_key']);
  });

  it('report what no user shows alone, and who it is', () => {
    const users = Array.from({ length: 40 }, (_, i) =>
      seriesOf(
        'user',
        `u${i}`,
        add(
          tokensOf(`u${i}`, (day, hour) => office(day, hour) / 20),
          at(36, 2),
          2,
          90_000,
        ),
      ),
    );

    const entries = fired([...users, accountOf(...users)]);

    expect(rulesOf(entries)).toEqual(['spike_account']);
    expect(entries[0]!.text).toContain('most of it by user u');
  });
});

describe('the other rules', () => {
  const change = <N extends RuleName>(name: N, values: Partial<Rules[N]>): Rules => ({
    ...DEFAULT_RULES,
    [name]: { ...DEFAULT_RULES[name], ...values },
  });
  const key = (tokens: Float64Array, name = 'k'): HourlySeries => seriesOf('key', name, tokens);
  const withRequests = (
    part: (hour: number) => number,
    field: 'output' | 'cached',
    scope: 'key' | 'model',
  ): HourlySeries => {
    const tokens = tokensOf('k', service);
    const output = tokens.map((value, i) => (field === 'output' ? value * part(i) : value / 10));
    const input = tokens.map((value, i) => value - output[i]!);
    return {
      ...seriesOf(scope, 'k', tokens),
      input,
      output,
      cached: input.map((value, i) => (field === 'cached' ? value * part(i) : 0)),
    };
  };

  it.each<[RuleName, HourlySeries[], Rules?]>([
    ['ceiling', [key(tokensOf('k', service))], change('ceiling', { tokens_per_hour: 600_000 })],
    ['new_key', withAccount(key(tokensOf('k', (day) => (day >= 30 ? 2_000_000 : 0))))],
    [
      'new_model',
      [
        ...withAccount(key(tokensOf('k', service))),
        seriesOf(
          'model',
          'm',
          tokensOf('m', (day) => (day >= 30 ? 9_000 : 0)),
        ),
      ],
    ],
    ['day', [accountOf(key(tokensOf('k', (day, hour) => office(day, hour) * (day === 36 ? 3.4 : 1))))]],
    [
      'night',
      [key(tokensOf('k', (day, hour) => (day === 36 && hour === 2 ? 480_000 : office(day, hour))))],
      change('spike_key', { off: true }),
    ],
    ['budget', [accountOf(key(tokensOf('k', service)))], change('budget', { tokens: 400_000_000 })],
    ['cache_share', [withRequests((i) => (i >= at(36, 0) && i < at(37, 0) ? 0.1 : 0.6), 'cached', 'model')]],
    ['output_ratio', [withRequests((i) => (i >= at(36, 0) && i < at(36, 6) ? 0.6 : 0.1), 'output', 'key')]],
    [
      'dominance',
      withAccount(key(tokensOf('k', (day) => (day >= 36 ? 4_000_000 : 100_000)))),
      change('spike_key', { off: true }),
    ],
  ])('%s fires, and is silent when turned off', (name, series, rules = DEFAULT_RULES) => {
    expect(rulesOf(fired(series, rules))).toContain(name);
    expect(rulesOf(fired(series, { ...rules, [name]: { ...rules[name], off: true } }))).not.toContain(name);
  });

  it('a budget has a notice for each share, a forecast, and a page when it is used up', () => {
    const series = [accountOf(key(tokensOf('k', service)))];
    // June has about 20 days of the six weeks, at 9.6 M a day.
    const entries = fired(series, change('budget', { tokens: 150_000_000 }), START);

    expect(entries.map(({ severity, limit }) => [severity, limit])).toEqual([
      ['notice', 165_000_000],
      ['notice', 75_000_000],
      ['notice', 120_000_000],
      ['page', 150_000_000],
    ]);
  });
});

describe('a replay', () => {
  it('has incidents that begin within the range only', () => {
    const key = seriesOf('key', 'k', add(tokensOf('k', service), at(36, 2), 3, 4_000_000));

    expect(fired([key], DEFAULT_RULES, timeAt(36, 2))).toHaveLength(1);
    expect(fired([key], DEFAULT_RULES, timeAt(36, 3))).toEqual([]);
    expect(fired([])).toEqual([]);
  });

  it('keeps accounts separate', () => {
    const spike = seriesOf('key', 'k', add(tokensOf('k', service), at(36, 2), 3, 4_000_000));
    const other = { ...accountOf(spike), tags: { provider: 'sigcal', account: 'other' } };

    expect(rulesOf(fired([spike, other]))).toEqual(['spike_account', 'spike_key']);
  });

  it('takes hours before and after a shorter series as not read', () => {
    const key = seriesOf('key', 'k', add(tokensOf('k', service), at(36, 2), 3, 4_000_000));
    const shorter = { ...key, start: START + 24 * HOUR, tokens: key.tokens.slice(24, -24) };

    expect(fired([shorter, ...others])).toEqual(fired([key, ...others]));
  });
});
