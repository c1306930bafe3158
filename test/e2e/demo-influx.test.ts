import { afterAll, beforeAll, expect, test } from 'vitest';
import { anomaliesBefore } from '../../src/simulator/anomalies.ts';
import { companyUsage } from '../../src/simulator/company-usage.ts';
import { VENDORS } from '../../src/simulator/vendors.ts';
import { tokensOf } from '../../src/usage/aggregate.ts';
import type { Tags } from '../../src/usage/point.ts';
import { DAY, HOUR } from '../../src/windows/units.ts';
import { until, type Running } from '../support/process.ts';
import { describeWith, influxQuery, startInfluxd, type RealServer } from '../support/servers.ts';
import { expectComplaint } from './support/complaint.ts';
import { createEvidence } from './support/evidence.ts';
import { createPlace, type Place } from './support/place.ts';

const PASSWORD = 'canary-password-7f3a';
const TOKEN = 'canary-token-91c2';
const LOGIN = { INFLUX_USERNAME: 'root', INFLUX_PASSWORD: PASSWORD };

let server: RealServer;

function query(q: string): Promise<string> {
  return influxQuery(server.url, q, { db: 'usage', u: 'root', p: PASSWORD });
}

interface Row {
  readonly tags: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, number>>;
}

/** The rows of a SELECT, grouped by tags. */
async function select(q: string): Promise<Row[]> {
  interface Series {
    readonly tags?: Record<string, string>;
    readonly columns: readonly string[];
    readonly values: readonly number[][];
  }
  const { results } = JSON.parse(await query(q)) as { results: [{ error?: string; series?: Series[] }] };
  if (results[0].error !== undefined) throw new Error(results[0].error);
  return (results[0].series ?? []).flatMap(({ tags = {}, columns, values }) =>
    values.map((row) => ({
      tags,
      values: Object.fromEntries(columns.map((column, index) => [column, row[index]!])),
    })),
  );
}

const nameOf = (provider: string, { user = '', key = '', endpoint = '' }: Tags): string =>
  [provider, user, key, endpoint].join(' ');

/** Tokens of each user, key and endpoint in the database. */
async function stored(start: number, end: number): Promise<Map<string, number>> {
  const rows = await select(
    `SELECT sum("tokens") FROM "llm_token_usage" WHERE "account" = 'demo' AND time >= ${start}s AND time < ${end}s GROUP BY "provider", "user", "key", "endpoint"`,
  );
  return new Map(rows.map(({ tags, values }) => [nameOf(tags['provider']!, tags), values['sum']!]));
}

/** Tokens of each user, key and endpoint in the simulated vendors' own books. */
function actual(now: number, start: number, end: number): Map<string, number> {
  const anomalies = anomaliesBefore(now);
  const usage = companyUsage({ start: now - 32 * DAY, end: now, convergence: 1200, anomalies });
  const { gap } = anomalies;
  const sums = new Map<string, number>();
  for (const vendor of VENDORS) {
    for (const { time, tags, fields } of usage[vendor].events) {
      const isLost = tags.key === gap.key && time >= gap.window.start && time < gap.window.end;
      if (isLost || time < start || time >= end) continue;
      const name = nameOf(vendor, tags);
      sums.set(name, (sums.get(name) ?? 0) + Number(tokensOf(fields)));
    }
  }
  return sums;
}

const sorted = (sums: ReadonlyMap<string, number>): [string, number][] =>
  [...sums].toSorted(([a], [b]) => (a < b ? -1 : 1));

async function startDemo(place: Place): Promise<Running> {
  const args = ['demo', '--influx', server.url, '--database', 'usage'];
  // Of the other group of variables, which --database replaces.
  const demo = place.start(args, {
    ...LOGIN,
    INFLUX_BUCKET: 'other',
    INFLUX_TOKEN: TOKEN,
    INFLUX_VERSION: '2',
  });
  await until('the summary is printed', () => demo.stdout.includes('Ctrl-C'), { by: demo });
  return demo;
}

describeWith('influxd', 'tokentide demo --influx', () => {
  beforeAll(async () => {
    server = await startInfluxd({ settings: ['auth-enabled = true'] });
    await influxQuery(server.url, `CREATE USER root WITH PASSWORD '${PASSWORD}' WITH ALL PRIVILEGES`);
    await query('CREATE DATABASE usage');
  });

  afterAll(() => server.close());

  test('fills the database with the usage of the simulated vendors, the same at each start', async () => {
    const place = createPlace();
    const evidence = createEvidence();
    const now = Math.floor(Date.now() / 1000);
    const midnight = Math.floor(now / DAY) * DAY;
    const [from, to, final] = [midnight - 29 * DAY, midnight - DAY, now - 7 * HOUR];

    const demo = await startDemo(place);
    const first = await stored(from, to);
    const firstFinal = await stored(from, final);
    const health = await select(
      'SELECT last("gaps_open") AS "gaps" FROM "llm_collector_health" GROUP BY "job"',
    );
    const compared = await select(
      'SELECT last("stored_tokens") AS "stored", "difference" FROM "llm_token_reconciliation" GROUP BY "job"',
    );
    const teams = await select(
      'SELECT sum("tokens") FROM "llm_token_usage" WHERE "team" =~ /./ GROUP BY "team"',
    );
    const spike = await select(
      `SELECT sum("tokens") FROM "llm_token_usage" WHERE "key" = 'uminferapikey-ucloud-batch' AND time >= ${now - 2 * DAY}s GROUP BY time(1h) fill(none)`,
    );
    await evidence.pages(/(http:\S+)\/metrics/.exec(demo.stdout)![1]!);
    evidence.files(place);
    demo.kill('SIGINT');
    const ended = await demo.ended;
    evidence.said('demo', ended);

    const again = await startDemo(place);
    const secondFinal = await stored(from, final);
    again.kill('SIGINT');
    await again.ended;

    expect([ended.code, ended.stdout.endsWith('stopped\n')]).toEqual([0, true]);
    expect(ended.stdout).toContain(`to InfluxDB 1.x at ${server.url}, database usage, with the account demo`);
    expect(sorted(first)).toEqual(sorted(actual(now, from, to)));
    expect(sorted(secondFinal)).toEqual(sorted(firstFinal));
    expect(Object.fromEntries(health.map(({ tags, values }) => [tags['job'], values['gaps']]))).toEqual(
      Object.fromEntries(VENDORS.map((id) => [id, id === 'sigcal' ? 1 : 0])),
    );
    // R9S has no totals to compare with.
    expect(compared.map(({ tags }) => tags['job'])).toEqual(['sigcal', 'trae', 'ucloud', 'volcengine-ark']);
    expect(Math.min(...compared.map(({ values }) => values['stored']!))).toBeGreaterThan(0);
    expect(teams.map(({ tags }) => tags['team'])).toContain('数据平台');
    const hours = spike.map(({ values }) => values['sum']!).toSorted((a, b) => b - a);
    expect(hours[2]).toBeGreaterThan(10 * hours[3]!);
    expect(evidence.search([PASSWORD, TOKEN])).toEqual([]);
  });

  test('removes with --remove what it has written, and nothing else', async () => {
    const place = createPlace();
    const line = (account: string): string =>
      `llm_token_usage,account=${account},provider=trae tokens=7i ${DAY}`;
    const url = `${server.url}/write?db=usage&precision=s&u=root&p=${PASSWORD}`;
    await fetch(url, { method: 'POST', body: `${line('demo')}\n${line('real')}\n` });

    const removed = await place.run(
      ['demo', '--influx', server.url, '--database', 'usage', '--remove'],
      LOGIN,
    );

    expect([removed.code, removed.stderr]).toEqual([0, '']);
    expect(removed.stdout).toBe(
      `removed all points with the account demo from InfluxDB 1.x at ${server.url}, database usage\n`,
    );
    const left = await select('SELECT count(/./) FROM /^llm_/ GROUP BY "account"');
    expect(left.map(({ tags }) => tags)).toEqual([{ account: 'real' }]);
  });

  test.each<[string, string[], Record<string, string>, RegExp, RegExp]>([
    [
      'a database that does not exist',
      ['--influx', 'SERVER', '--database', 'none'],
      LOGIN,
      /database not found: "none"$/,
      /CREATE DATABASE.*--database/,
    ],
    [
      'a refused login',
      ['--influx', 'SERVER', '--database', 'usage'],
      { ...LOGIN, INFLUX_PASSWORD: 'wrong' },
      /answered HTTP 401: authorization failed$/,
      /check INFLUX_USERNAME and INFLUX_PASSWORD/,
    ],
    [
      'a server that does not answer',
      ['--influx', 'http://127.0.0.1:9', '--database', 'usage'],
      { INFLUX_VERSION: '1' },
      /^the server at http:\/\/127\.0\.0\.1:9 cannot be reached/,
      /^ {2}start the server, or correct --influx$/,
    ],
    [
      'an address that is none',
      ['--influx', 'localhost', '--database', 'usage'],
      {},
      /^--influx: must be an http or https address without credentials$/,
      /write http:\/\/localhost:8086/,
    ],
    [
      'a bucket and a token on a server of version 1',
      ['--influx', 'SERVER', '--bucket', 'b', '--token', TOKEN],
      {},
      /^InfluxDB 1\.x does not use --bucket, INFLUX_TOKEN$/,
      /InfluxDB 1\.x uses --database/,
    ],
    [
      'an option of the store without --influx',
      ['--bucket', 'b', '--remove'],
      {},
      /^--bucket, --remove needs --influx$/,
      /add --influx http:\/\/localhost:8086/,
    ],
  ])('%s is an error that says what to do', async (_, args, env, message, hint) => {
    const place = createPlace();

    const complaint = await place.run(
      ['demo', ...args.map((arg) => (arg === 'SERVER' ? server.url : arg))],
      env,
    );

    expectComplaint(complaint, message, hint);
    expect(complaint.stderr).not.toMatch(/canary/);
  });
});
