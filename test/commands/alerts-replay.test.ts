import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { ReplayEntry } from '../../src/alerts/types.ts';
import { alertsReplayCommand, type ReplayArguments } from '../../src/commands/alerts-replay.ts';
import { readSettings } from '../../src/config/settings.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import type { Point } from '../../src/usage/point.ts';
import { folderOf } from '../config/loading.ts';
import { FORTNIGHT, fortnight } from '../support/alert-history.ts';
import { openTestStore } from '../support/influx-store.ts';
import { describeWith, influxQuery, startInfluxd, type RealServer } from '../support/servers.ts';
import { contextOf } from './context.ts';

const { from, to, spike } = FORTNIGHT;
const HOUR = 3600;
const NOW = Date.parse('2025-06-23T02:30:00Z');
const CANARY = 'canary-secret-token';

type Options = Partial<ReplayArguments> & {
  readonly env?: Readonly<Record<string, string>>;
  readonly interactive?: boolean;
};

async function replay({ env = {}, interactive = false, ...more }: Options = {}) {
  const all = { TOKENTIDE_DATA: folderOf({}), ...env };
  const context = contextOf({}, { env: all, settings: readSettings(all), now: () => NOW, interactive });
  const code = await alertsReplayCommand(context, { from, to, json: true, ...more });
  return { code, ...context.printed };
}

const entriesOf = ({ out }: { out: string }): ReplayEntry[] => JSON.parse(out) as ReplayEntry[];

/** The variables of a SQLite store with these points. */
async function sqliteWith(points: readonly Point[]): Promise<Record<string, string>> {
  const data = folderOf({});
  const store = openSqliteStore(join(data, 'usage.sqlite'));
  await store.write(points);
  await store.close();
  return { TOKENTIDE_DATA: data };
}

describe('the labelled fortnight', () => {
  let env: Record<string, string>;
  let data: string;

  beforeAll(async () => {
    data = mkdtempSync(join(tmpdir(), 'tokentide-replay-'));
    const store = openSqliteStore(join(data, 'usage.sqlite'));
    await store.write(fortnight());
    await store.close();
    env = { TOKENTIDE_DATA: data };
  });

  afterAll(() => rmSync(data, { recursive: true, force: true }));

  const rulesFile = (text: string): string => {
    const file = join(folderOf({}), 'rules.yaml');
    writeFileSync(file, text);
    return file;
  };

  it('has one incident: the spike, fired at the end of its first hour', async () => {
    const { code, out, err } = await replay({ env });

    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toEqual([
      {
        rule: 'spike_key',
        severity: 'page',
        tags: { provider: 'ucloud', account: 'main', key: spike.key },
        start: spike.start,
        end: spike.end,
        fired_at: spike.start + HOUR,
        value: expect.any(Number),
        expected: expect.any(Number),
        limit: expect.any(Number),
        text: expect.stringContaining(spike.key),
      },
    ]);
  });

  it('is a table and counts by week without --json', async () => {
    const { code, out } = await replay({ env, json: false });

    expect(code).toBe(0);
    expect(out).toMatch(/^fired at +until +severity +rule +account +what\n/);
    expect(out).toMatch(
      /\n2025-06-18 16:00 {2}2025-06-18 18:00 {2}page +spike_key +ucloud\/main +key key-4: .*\n/,
    );
    expect(out).toMatch(/\nweek of +spike_key {2}all\n2025-06-16 +1 +1\n/);
    expect(out).toMatch(
      /\n2025-06-09 00:00 to 2025-06-23 00:00 Asia\/Shanghai: 9 series, incidents: 1; per week: page 0\.5, notice 0\.0\n$/,
    );
  });

  it('has none before the spike, and says so', async () => {
    const { out } = await replay({ env, to: '2025-06-16', json: false });

    expect(out).toBe('2025-06-09 00:00 to 2025-06-16 00:00 Asia/Shanghai: 9 series, incidents: 0\n');
  });

  it('is judged as if each hour had just closed: what comes later changes nothing', async () => {
    const [atOnce] = entriesOf(await replay({ env, to: '2025-06-18T16:00:00+08:00' }));
    const [later] = entriesOf(await replay({ env }));

    expect(atOnce).toMatchObject({ start: later!.start, fired_at: later!.fired_at, end: spike.start + HOUR });
  });

  it('does not judge the hour that has not ended', async () => {
    expect(entriesOf(await replay({ env, to: '2025-06-18T15:59:00+08:00' }))).toEqual([]);
  });

  it('is judged by the rules of a file', async () => {
    const off = rulesFile('rules: {spike_key: {off: true}}\n');
    const other = rulesFile(
      'accounts: [{provider: ucloud, account: other, rules: {spike_key: {off: true}}}]\n',
    );
    const own = rulesFile('accounts: [{provider: ucloud, account: main, rules: {spike_key: {off: true}}}]\n');
    const has = async (rules: string): Promise<boolean> =>
      entriesOf(await replay({ env, rules })).some(({ rule }) => rule === 'spike_key');

    expect([await has(off), await has(other), await has(own)]).toEqual([false, true, false]);
    expect(entriesOf(await replay({ env: { ...env, TOKENTIDE_ALERTS: off } }))).toEqual(
      entriesOf(await replay({ env, rules: off })),
    );
  });

  it('reads days in the zone that is asked for', async () => {
    const utc = await replay({ env, json: false, zone: 'UTC' });
    const byFile = await replay({ env, json: false, rules: rulesFile('zone: Europe/Berlin\n') });

    expect(utc.out).toContain('2025-06-09 00:00 to 2025-06-23 00:00 UTC: ');
    expect(utc.out).toMatch(/\n2025-06-18 08:00 {2}2025-06-18 10:00 {2}page/);
    expect(byFile.out).toMatch(/\n2025-06-18 10:00 {2}2025-06-18 12:00 {2}page/);
  });

  it('shows its progress on a terminal, on a line that it clears', async () => {
    const { err } = await replay({ env, interactive: true });

    const lines = err.split('\r\u001b[K');
    expect(lines.slice(0, 3)).toEqual(['', 'reading: 4 %', 'reading: 8 %']);
    expect(lines.slice(-3)).toEqual(['reading: 100 %', 'judging: 9 series', '']);
  });

  it('needs neither a job nor a ledger, and makes none', async () => {
    await replay({ env });

    expect(existsSync(join(data, 'ledger.sqlite'))).toBe(false);
  });
});

test('each account is judged alone', async () => {
  const env = await sqliteWith([...fortnight(), ...fortnight('second')]);

  const entries = entriesOf(await replay({ env }));

  expect(new Set(entries.map(({ tags }) => tags.account))).toEqual(new Set(['main', 'second']));
  expect(entries).toHaveLength(2);
});

test('an empty store prints an empty array, and says why', async () => {
  const { code, out, err } = await replay();

  expect([code, out]).toEqual([0, '[]\n']);
  expect(err).toBe('the store has no hourly usage in this range\n');
});

test('all errors of a rules file are reported', async () => {
  const rules = join(
    folderOf({ 'rules.yaml': 'zone: Mars\nrules: {night: {until_hour: 30}}\n' }),
    'rules.yaml',
  );

  await expect(replay({ rules })).rejects.toThrow(
    /rules\.yaml:1:1: zone: is not a time zone.*\n.*\n.*rules\.yaml:2:17: rules\.night\.until_hour: must be at most 24/,
  );
});

test.each([
  [{ from: 'yesterday' }, '--from: "yesterday" is not a time'],
  [{ to: 'soon' }, '--to: "soon" is not a time'],
  [{ from: '2025-06-09', to: '2025-06-09' }, 'no complete hour between --from and --to'],
  [{ zone: 'Mars' }, '--zone: "Mars" is not a time zone'],
])('%j is an error', async (more, message) => {
  await expect(replay(more)).rejects.toThrow(message);
});

test('without --to it ends with the last complete hour', async () => {
  const { out } = await replay({ from: '1d', to: undefined!, json: false, zone: 'UTC' });

  expect(out).toMatch(/^2025-06-22 02:00 to 2025-06-23 02:00 UTC: /);
});

test('years that the calendar does not know are named', async () => {
  const env = await sqliteWith(fortnight());
  const later = { env, from: '2090-01-02', to: '2090-01-03' };

  expect((await replay(later)).err).toContain('the calendar has no table of 2089, 2090: rest days are');
  expect((await replay({ ...later, zone: 'UTC' })).err).not.toContain('calendar');
});

test('the control characters of a tag do not reach the terminal', async () => {
  const points = fortnight().map((point) =>
    point.tags.key === spike.key ? { ...point, tags: { ...point.tags, key: 'key\u001b[31m-red' } } : point,
  );
  const env = await sqliteWith(points);

  for (const json of [true, false]) expect((await replay({ env, json })).out).not.toContain('\u001b');
});

describeWith('influxd', 'on InfluxDB', () => {
  let server: RealServer;

  beforeAll(async () => {
    server = await startInfluxd();
    await influxQuery(server.url, 'CREATE DATABASE usage');
    const { store } = await openTestStore({ url: server.url, database: 'usage' });
    await store.write(fortnight());
    await store.close();
  });
  afterAll(() => server.close());

  it('finds the same incidents as in SQLite', async () => {
    const env = { INFLUX_HOST: server.url, INFLUX_DATABASE: 'usage' };

    const entries = entriesOf(await replay({ env }));

    expect(entries).toMatchObject([{ rule: 'spike_key', tags: { key: spike.key }, start: spike.start }]);
    expect(entries).toEqual(entriesOf(await replay({ env: await sqliteWith(fortnight()) })));
  });

  it('reads points of another writer, which have no field tokens', async () => {
    await influxQuery(server.url, 'CREATE DATABASE foreign_usage');
    const lines = fortnight().map(
      ({ time, tags: { key }, fields: { tokens } }) =>
        `llm_token_usage,provider=other,account=a,bucket=1h,key=${key} total_tokens=${tokens}i ${time}`,
    );
    const written = await fetch(`${server.url}/write?db=foreign_usage&precision=s`, {
      method: 'POST',
      body: lines.join('\n'),
    });
    const env = { INFLUX_HOST: server.url, INFLUX_DATABASE: 'foreign_usage' };

    expect(written.ok).toBe(true);
    expect(entriesOf(await replay({ env }))).toMatchObject([
      { rule: 'spike_key', tags: { provider: 'other', account: 'a', key: spike.key }, start: spike.start },
    ]);
  });

  it('shows no credential, whether it works or not', async () => {
    const login = { INFLUX_HOST: server.url, INFLUX_USERNAME: 'user', INFLUX_PASSWORD: CANARY };
    const works = await replay({ env: { ...login, INFLUX_DATABASE: 'usage' } });
    const fails = await replay({ env: { ...login, INFLUX_DATABASE: 'missing' } }).catch(String);

    expect(JSON.stringify([works, fails])).not.toContain(CANARY);
    expect(fails).toContain('StoreError');
  });
});
