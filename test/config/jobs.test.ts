import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/errors.ts';
import { selectJobs, soundJobs, type LoadedJobs } from '../../src/config/jobs.ts';
import { JobFields } from '../../src/config/job-schema.ts';
import { Secret } from '../../src/lib/secret.ts';
import { USAGE } from '../../src/usage/catalogue.ts';
import { DIMENSIONS } from '../../src/usage/point.ts';
import { page, tableOf } from '../support/markdown.ts';
import { acme, daily, folderOf, load, loadFolder } from './loading.ts';

const ENV = { ACME_APP_ID: 'app', ACME_APP_SECRET: 'canary-secret-of-acme' };
const ACME = 'provider: acme\noptions:\n  app_id: ${ACME_APP_ID}\n  app_secret: ${ACME_APP_SECRET}\n';
const seconds = (time: string): number => Date.parse(time) / 1000;

test('a job file needs little: the rest has defaults', () => {
  const { jobs, report } = load({ 'mine.yaml': ACME }, ENV);

  expect(report).toBe('');
  expect(jobs).toEqual([
    {
      name: 'mine',
      provider: acme,
      account: 'default',
      schedule: '*/5 * * * *',
      scheduleZone: 'UTC',
      dataset: 'usage',
      rate: acme.rate,
      bucket: '1h',
      zone: 'Asia/Shanghai',
      start: seconds('2026-10-22T10:00:00Z'),
      lookback: 3 * 86_400,
      options: {
        app_id: 'app',
        app_secret: expect.any(Secret),
        base_url: 'https://example.com',
        page_size: 100,
        mode: 'fast',
        members: 'all',
      },
      tagLimits: { user: 10_000, key: 10_000, model: 10_000, project: 10_000, endpoint: 10_000 },
    },
  ]);
});

test('every key is taken', () => {
  const text = `
provider: daily
name: other-name
account: Team A
enabled: true
schedule: '0 6 * * *'
schedule_zone: Europe/Berlin
bucket: 1d
zone: America/New_York
start: 2026-10-01
end: 2026-11-01
lookback: 1w
dataset: usage
rate_limit: { per_second: 0.5, concurrency: 3 }
tag_limits: { user: 5 }
pseudonymise_users: { key: "\${PSEUDONYM_KEY}" }
teams: teams.csv
`;
  const files = { 'mine.yml': text, 'teams.csv': 'email,team\nAlice@example.com,Blue\n' };

  const { jobs, report } = load(files, { PSEUDONYM_KEY: 'canary-0123456789' });

  expect(report).toBe('');
  expect(jobs).toEqual([
    {
      name: 'other-name',
      provider: daily,
      account: 'Team A',
      dataset: 'usage',
      rate: { perSecond: 0.5, concurrency: 3, source: expect.stringContaining('rate_limit') },
      schedule: '0 6 * * *',
      scheduleZone: 'Europe/Berlin',
      bucket: '1d',
      zone: 'America/New_York',
      start: seconds('2026-10-01T04:00:00Z'),
      end: seconds('2026-11-01T04:00:00Z'),
      lookback: 7 * 86_400,
      options: {},
      tagLimits: { user: 5, key: 10_000, model: 10_000, project: 10_000, endpoint: 10_000 },
      pseudonymKey: expect.any(Secret),
      teams: new Map([['alice@example.com', 'Blue']]),
    },
  ]);
  expect(jobs[0]?.pseudonymKey?.reveal()).toBe('canary-0123456789');
});

test.each([
  ['{ per_second: 5 }', { perSecond: 5, concurrency: 1 }],
  ['{ concurrency: 5 }', { perSecond: 1, concurrency: 5 }],
  ['{}', { perSecond: 1, concurrency: 1 }],
])('rate_limit %s replaces the rate of the provider', (rateLimit, rate) => {
  const { jobs, report } = load({ 'mine.yaml': `${ACME}rate_limit: ${rateLimit}\n` }, ENV);

  expect(report).toBe('');
  expect(jobs[0]?.rate).toMatchObject(rate);
});

test.each([
  ['{ per_second: 0 }', 'rate_limit.per_second: '],
  ['{ per_second: fast }', 'rate_limit.per_second: '],
  ['{ concurrency: 1.5 }', 'rate_limit.concurrency: '],
  ['{ per_minute: 60 }', 'per_minute'],
])('rate_limit %s is refused', (rateLimit, message) => {
  const { report } = load({ 'mine.yaml': `${ACME}rate_limit: ${rateLimit}\n` }, ENV);

  expect(report).toContain(message);
});

test('an unknown dataset is refused with those of the provider', () => {
  const { report } = load({ 'mine.yaml': `${ACME}dataset: costs\n` }, ENV);

  expect(report).toContain('acme has no dataset "costs"');
  expect(report).toContain('it has usage');
});

test.each([
  ['30d', '1d', 'UTC', '2026-10-22T00:00:00Z'],
  ['90m', '1h', 'UTC', '2026-11-21T09:00:00Z'],
  ['1d', '1d', 'Asia/Shanghai', '2026-11-19T16:00:00Z'],
  ['1h', '1h', 'Asia/Kolkata', '2026-11-21T09:30:00Z'],
  ['2026-11-01', '1d', 'America/New_York', '2026-11-01T04:00:00Z'],
  ['2026-11-02T08:45', '1h', 'Europe/Berlin', '2026-11-02T07:00:00Z'],
  ['2026-11-02 08:45:10', '1h', 'Europe/Berlin', '2026-11-02T07:00:00Z'],
  ['2026-11-02T08:45:00Z', '1h', 'Asia/Shanghai', '2026-11-02T08:00:00Z'],
  ['2026-11-02T08:45:00+08:00', '1d', 'UTC', '2026-11-02T00:00:00Z'],
])('start %s with buckets of %s in %s is %s', (start, bucket, zone, expected) => {
  const text = `${ACME}start: ${start}\nbucket: ${bucket}\nzone: ${zone}\n`;

  const { jobs, report } = load({ 'mine.yaml': text }, ENV);

  expect(report).toBe('');
  expect(jobs[0]?.start).toBe(seconds(expected));
});

test('an end inside a bucket takes the whole bucket', () => {
  const text = `${ACME}start: 2026-10-01\nend: 2026-10-31T12:00\nbucket: 1d\n`;

  const { jobs } = load({ 'mine.yaml': text }, ENV);

  expect(jobs[0]?.end).toBe(seconds('2026-10-31T16:00:00Z'));
});

test('a job whose end lies before its relative start has ended', () => {
  const { jobs, off } = load({ 'mine.yaml': `${ACME}end: 2026-10-01\n` }, ENV);

  expect(jobs).toEqual([]);
  expect(off).toMatchObject([{ name: 'mine', reason: 'it ended at 2026-10-01 00:00 (Asia/Shanghai)' }]);
});

test('variables are filled into texts', () => {
  const text = `
provider: acme
account: a-\${TEAM}-\${REGION:-cn}\${NOTHING:-}
options:
  app_id: \${ACME_APP_ID}
  app_secret: \${ACME_APP_SECRET}
  base_url: \${ACME_URL:-https://example.org/v1}
  members: { emails: ["\${TEAM}@example.com", "$\${TEAM}"] }
`;

  const { jobs, report } = load({ 'mine.yaml': text }, { ...ENV, TEAM: 'blue' });

  expect(report).toBe('');
  expect(jobs[0]).toMatchObject({
    account: 'a-blue-cn',
    options: { base_url: 'https://example.org/v1', members: { emails: ['blue@example.com', '${TEAM}'] } },
  });
});

test('secrets come from variables and from files', () => {
  const folder = folderOf({
    'mine.yaml':
      'provider: acme\noptions:\n  app_id: ${ACME_APP_ID}\n  app_secret: ${ACME_APP_SECRET}\n' +
      '  headers:\n    x-key: {file: key.txt}\n',
    'secret.txt': 'canary-one\n',
    'key.txt': 'canary-two\r\n',
  });
  const env = { ACME_APP_ID: 'app', ACME_APP_SECRET_FILE: join(folder, 'secret.txt') };

  const { jobs, issues } = loadFolder(folder, env);

  expect(issues).toEqual([]);
  const options = jobs[0]?.options as { app_secret: Secret; headers: Record<string, Secret> };
  expect(options.app_secret.reveal()).toBe('canary-one');
  expect(options.headers['x-key']?.reveal()).toBe('canary-two');
  expect(inspect(jobs, { depth: 9 }) + JSON.stringify(jobs)).not.toMatch(/canary/);
});

test.each([
  ['one variable is', { ACME_APP_ID: '' }, 'ACME_APP_ID, ACME_APP_SECRET are not set', ACME],
  ['the secret is', {}, 'ACME_APP_SECRET is not set', ACME.replace('${ACME_APP_ID}', 'app')],
  ['an address is', {}, 'ACME_APP_ID, ACME_APP_SECRET, URL are not set', `${ACME}  base_url: \${URL}\n`],
])('a job disabled while %s not set', (_, env, reason, text) => {
  const { jobs, off, report } = load({ 'mine.yaml': text }, env);

  expect(report).toBe('');
  expect(jobs).toEqual([]);
  expect(off).toMatchObject([{ name: 'mine', reason }]);
});

test('a job disabled by unset variables is still validated', () => {
  const { off, report } = load({ 'mine.yaml': `${ACME}start: 2027-01-01\nbukcet: 1h\n` });

  expect(off).toEqual([]);
  expect(report).toMatch(/mine\.yaml:6:1: unknown key "bukcet"/);
});

test('a disabled job is not validated', () => {
  const { off, report } = load({ 'mine.yaml': 'enabled: false\nname: parked\nprovider: nobody\n' });

  expect(report).toBe('');
  expect(off).toMatchObject([{ name: 'parked', reason: 'enabled: false' }]);
});

test('every fault of a file of teams is an error of its own', () => {
  const files = {
    'mine.yaml': `${ACME}teams: teams.csv\n`,
    'teams.csv': 'email,team\n,Blue\nbob@example.com\n',
  };

  const { report } = load(files, ENV);

  expect(report.split('\n')).toEqual([
    'mine.yaml:5:1: teams: teams.csv:2: the e-mail is missing',
    expect.stringMatching(/^mine\.yaml:5:1: teams: teams\.csv:3: /),
  ]);
});

function loadTwo(): LoadedJobs {
  return load({ 'first.yaml': 'provider: daily\n', 'second.yaml': ACME });
}

test('all enabled jobs are selected when none is named', () => {
  const selected = selectJobs(loadTwo());

  expect(selected.map(({ name }) => name)).toEqual(['first']);
});

test.each([
  ['an unknown job', ['frist'], ['unknown job "frist"', 'did you mean "first"?']],
  ['a name without a close match', ['other'], ['unknown job "other"', 'expected one of first, second']],
  [
    'a disabled job',
    ['first', 'second'],
    [
      'the job "second" is disabled: ACME_APP_ID, ACME_APP_SECRET are not set',
      'set the missing variables in the environment or in .env',
    ],
  ],
])('%s cannot be selected', (_, names, [message, hint]) => {
  const select = (): unknown => selectJobs(loadTwo(), names);

  expect(select).toThrow(ConfigError);
  expect(issuesOf(select)).toMatchObject([{ message, hint }]);
});

test('nothing can be selected when all jobs are disabled or a file has an error', () => {
  const allOff = load({ 'mine.yaml': ACME });
  const folder = folderOf({ 'good.yaml': 'provider: daily\n' });
  writeFileSync(join(folder, 'bad.yaml'), '');

  expect(issuesOf(() => selectJobs(allOff))).toMatchObject([
    { message: 'no job is enabled', hint: 'set the missing variables in the environment or in .env' },
    { message: 'the job "mine" is disabled: ACME_APP_ID, ACME_APP_SECRET are not set', hint: undefined },
  ]);
  expect(issuesOf(() => selectJobs(loadFolder(folder)))).toMatchObject([{ message: 'the file is empty' }]);
});

describe('a broken file', () => {
  const files = { 'good.yaml': 'provider: daily\n', 'bad.yaml': 'provider: daily\nbucket: 5m\n' };

  test('does not affect a named job', () => {
    expect(selectJobs(load(files), ['good']).map(({ name }) => name)).toEqual(['good']);
  });

  test('is reported when it is named, or when all jobs are selected', () => {
    const loaded = load(files);

    for (const select of [() => selectJobs(loaded, ['bad']), () => selectJobs(loaded)]) {
      expect(issuesOf(select)).toMatchObject([{ message: expect.stringMatching(/^bucket: /) as string }]);
    }
  });

  test('leaves the sound jobs, and is listed with its error', () => {
    const loaded = load(files);

    expect(soundJobs(loaded).map(({ name }) => name)).toEqual(['good']);
    expect(loaded.broken).toMatchObject([{ name: 'bad', error: { issues: loaded.issues } }]);
  });

  test.each([
    ['use one name', { 'a.yaml': 'provider: daily\nname: x\n', 'b.yaml': `${ACME}name: x\n` }],
    ['write the same points', { 'a.yaml': 'provider: daily\n', 'b.yaml': 'provider: daily\n' }],
  ])('takes the other one along where two files %s', (_, conflicting) => {
    const loaded = load({ ...conflicting, 'c.yaml': 'provider: daily\naccount: c\n' });

    expect(loaded.jobs.map(({ name }) => name)).toEqual(['c']);
    expect(loaded.broken).toHaveLength(2);
    expect(loaded.issues).toHaveLength(1);
  });
});

function issuesOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return (error as ConfigError).issues;
  }
  return [];
}

test('every dimension with any number of values can be limited, and the README names the same', () => {
  const readme = page('README.md');
  const row = tableOf(readme, 'key').rows.find(([key]) => key === '`tag_limits`')!;
  const limits = JobFields.shape.tag_limits.parse({});

  expect(Object.keys(limits).toSorted()).toEqual(
    DIMENSIONS.filter((tag) => USAGE.tags[tag].unbounded).toSorted(),
  );
  const named = [...row[2]!.matchAll(/`([a-z]+)`/g)].map(([, name = '']) => name);
  expect(named.toSorted()).toEqual(Object.keys(limits).toSorted());
});
