import { afterAll, beforeAll, expect, it } from 'vitest';
import { health } from '../../grafana/boards/health.ts';
import { members } from '../../grafana/boards/members.ts';
import type { Dashboard } from '../../grafana/dashboard.ts';
import { DEFAULTS } from '../../grafana/settings.ts';
import type { Text } from '../../grafana/text.ts';
import { describeWith, influxQuery, startInfluxd, type RealServer } from '../support/servers.ts';

const HOUR = 3_600_000;
const START = Date.parse('2026-10-05T00:00:00Z');
const FROM = START + 7 * 24 * HOUR;
const TO = FROM + 7 * 24 * HOUR;

/** What a poll in an hour of the range reports, and the state of that hour; none in the eighth. */
const POLLS: readonly (readonly [hour: number, counts: Record<string, number>, state: string | undefined])[] =
  [
    [0, {}, 'complete'],
    [1, { polls_failed: 1 }, 'poll failed'],
    [2, { backlog_buckets: 700 }, 'history being read'],
    [3, { backlog_buckets: 7, polls_failed: 40 }, 'history being read'],
    [4, { gaps_open: 1, polls_failed: 1, backlog_buckets: 1 }, 'gap open'],
    [5, { gaps_expired: 2 }, 'usage lost'],
    [6, { gaps_expired: 2 }, 'complete'],
    [8, { gaps_expired: 3, gaps_open: 9, polls_failed: 9, backlog_buckets: 9 }, 'usage lost'],
    [9, { gaps_expired: 3 }, 'complete'],
  ];

const USAGE = [
  ['kept', FROM - HOUR, 100],
  ['kept', FROM, 150],
  ['gone', FROM - HOUR, 70],
  ['new', TO - HOUR, 50],
  ['returned', FROM - 95 * 24 * HOUR, 9],
  ['returned', FROM, 50],
  // Corrected to nothing.
  ['withdrawn', FROM, 0],
] as const;

describeWith('influxd', 'members and collector health', () => {
  let influx: RealServer;
  beforeAll(async () => {
    influx = await startInfluxd();
    await influxQuery(influx.url, 'CREATE DATABASE "usage"');
    const polls = POLLS.map(([hour, counts]) => {
      const fields = { polls_failed: 0, backlog_buckets: 0, gaps_open: 0, gaps_expired: 0, ...counts };
      const list = Object.entries(fields).map(([name, value]) => `${name}=${value}i`);
      return `llm_collector_health,account=a,job=j,provider=p ${list.join()} ${FROM + hour * HOUR + 60_000}`;
    });
    const usage = USAGE.map(
      ([user, time, tokens]) =>
        `llm_token_usage,account=a,bucket=1h,provider=p,user=${user} tokens=${tokens}i,requests=1i ${time}`,
    );
    const response = await fetch(`${influx.url}/write?db=usage&precision=ms`, {
      method: 'POST',
      body: [...polls, ...usage].join('\n'),
    });
    expect(response.status).toBe(204);
  });
  afterAll(async () => {
    await influx?.close();
  });

  async function rowsOf(board: Dashboard, id: number, query = 0): Promise<Record<string, unknown>[]> {
    const text = panelOf(board, id)
      .queries[query]!.query.replaceAll('$timeFilter', `time >= ${FROM}ms and time <= ${TO}ms`)
      .replaceAll('$__interval', '1h')
      .replaceAll('$bucket', '1h')
      .replaceAll('${__from}', String(FROM))
      .replaceAll('${__to}', String(TO))
      .replaceAll('${range_tokens}', '250')
      .replaceAll(/\$\{\w+:regex\}/g, '.*');
    const answer = JSON.parse(await influxQuery(influx.url, text, { db: 'usage', epoch: 'ms' })) as {
      results: { series?: { tags?: object; columns: string[]; values: unknown[][] }[]; error?: string }[];
    };
    expect(answer.results[0]?.error).toBeUndefined();
    return (answer.results[0]?.series ?? []).flatMap(({ tags, columns, values }) =>
      values.map((row) => ({
        ...tags,
        ...Object.fromEntries(columns.map((column, index) => [column, row[index]])),
      })),
    );
  }

  it('the coverage of a step is named by the worst that happened in it, and a step without a poll is a hole', async () => {
    const rows = await rowsOf(health(DEFAULTS), 21);

    const states = rows.slice(0, 10).map(({ state }) => wordFor(state));
    const expected = Array.from({ length: 10 }, (_, hour) => POLLS.find(([at]) => at === hour)?.[2]);
    expect(states).toEqual(expected);
    expect(rows.every(({ state }, index) => index < 10 || state === null)).toBe(true);
  });

  it('every sum of states has one word', () => {
    for (let state = 0; state <= 15; state++) expect(wordsFor(state)).toHaveLength(1);
  });

  it('shares are of the whole, and only who had usage before has a number to compare with', async () => {
    const now = await rowsOf(members(DEFAULTS), 10, 0);
    const before = await rowsOf(members(DEFAULTS), 10, 1);

    expect(now.map(({ user, tokens, share }) => [user, tokens, share])).toEqual([
      ['kept', 150, 0.6],
      ['new', 50, 0.2],
      ['returned', 50, 0.2],
      ['withdrawn', 0, 0],
    ]);
    expect(before.map((row) => [row['user'], row['before']])).toEqual([
      ['gone', 70],
      ['kept', 100],
    ]);
  });

  it('a member is last seen where it used tokens, also in the range before', async () => {
    const rows = await rowsOf(members(DEFAULTS), 10, 2);

    expect(rows.map(({ user, time }) => [user, time])).toEqual([
      ['gone', FROM - HOUR],
      ['kept', FROM],
      ['new', TO - HOUR],
      ['returned', FROM],
    ]);
  });

  it.each([
    ['active', 1, 3],
    // Those whose last use is more than 90 days old are new again.
    ['new', 3, 2],
  ])('counts %s users', async (_, id, expected) => {
    const [row] = await rowsOf(members(DEFAULTS), id);

    expect(row).toMatchObject({ [id === 1 ? 'now' : 'new']: expected });
  });
});

function panelOf({ rows }: Dashboard, id: number): Dashboard['rows'][number]['panels'][number] {
  return rows.flatMap(({ panels }) => panels).find((panel) => panel.id === id)!;
}

interface Range {
  readonly options: { readonly from: number; readonly to: number; readonly result: { readonly text: Text } };
}

function wordsFor(state: number): string[] {
  const { defaults } = panelOf(health(DEFAULTS), 21).fieldConfig as { defaults: { mappings: Range[] } };
  return defaults.mappings
    .filter(({ options: { from, to } }) => from <= state && state <= to)
    .map(({ options }) => options.result.text.en);
}

const wordFor = (state: unknown): string | undefined =>
  typeof state === 'number' ? wordsFor(state)[0] : undefined;
