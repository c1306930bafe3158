import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatIssue } from '../../src/config/errors.ts';
import { folderOf, load, loadFolder } from './loading.ts';

const ENV = { ACME_APP_ID: 'app', ACME_APP_SECRET: 'canary-secret-of-acme' };
const OPTIONS = 'options:\n  app_id: ${ACME_APP_ID}\n  app_secret: ${ACME_APP_SECRET}\n';
const SECRET_HINT =
  '  write app_secret: ${ACME_APP_SECRET} and set ACME_APP_SECRET in the environment or in .env, ' +
  'or write app_secret: {file: /run/secrets/acme_app_secret}';
const TIME_HINT = '  write a date or time, such as 2026-10-01 or 2026-10-01T08:00:00+08:00';

/** A good job of four lines, and what is put behind it. */
function job(rest: string): string {
  return `provider: acme\n${OPTIONS}${rest}\n`;
}

interface Case {
  readonly title: string;
  readonly file: string;
  readonly report: readonly string[];
}

const yaml: Case[] = [
  {
    title: 'an empty file',
    file: '',
    report: [
      'job.yaml:1:1: the file is empty',
      '  a job file needs at least a line such as "provider: trae"',
    ],
  },
  {
    title: 'a file of comments',
    file: '# provider: acme\n',
    report: [
      'job.yaml:1:1: the file is empty',
      '  a job file needs at least a line such as "provider: trae"',
    ],
  },
  {
    title: 'a list',
    file: '- provider: acme\n',
    report: [
      'job.yaml:1:1: a job file is a map of keys and values',
      '  a job file needs at least a line such as "provider: trae"',
    ],
  },
  {
    title: 'an unquoted cron expression',
    file: job('schedule: */5 * * * *'),
    report: [
      'job.yaml:5:15: the cron expression is not quoted',
      "  put the cron expression in quotes: schedule: '*/5 * * * *'",
    ],
  },
  {
    title: 'an unquoted cron expression that YAML takes for an alias',
    file: job('schedule: *foo'),
    report: [
      'job.yaml:5:11: the cron expression is not quoted',
      "  put the cron expression in quotes: schedule: '*/5 * * * *'",
    ],
  },
  {
    title: 'another value that begins with a star',
    file: job('account: *main'),
    report: ['job.yaml:5:10: a value that begins with * or & is not quoted', '  put the value in quotes'],
  },
  {
    title: 'a variable inside { }',
    file: job('pseudonymise_users: {key: ${KEY}}'),
    report: [
      'job.yaml:5:28: a ${VARIABLE} inside { } or [ ] is not quoted',
      '  quote it, "${VARIABLE}", or write the map or list over several lines',
    ],
  },
  {
    title: 'a tab',
    file: 'provider: acme\noptions:\n\tapp_id: a\n',
    report: ['job.yaml:3:1: tab used for indentation', '  indent with spaces'],
  },
  {
    title: 'a key twice',
    file: job('provider: acme'),
    report: ['job.yaml:5:1: duplicate key', '  remove one of them'],
  },
  {
    title: 'two documents',
    file: 'provider: daily\n---\nprovider: daily\n',
    report: ['job.yaml:2:1: a file contains one document', '  move the part after --- to another file'],
  },
  {
    title: 'an open quote',
    file: 'provider: "daily\n',
    report: ['job.yaml:2:1: a quote or bracket is not closed', '  close it, or remove the opening one'],
  },
  {
    title: 'a second key in a line',
    file: 'provider: daily name: x\n',
    report: [
      'job.yaml:1:11: second ": " in one line',
      '  quote the value, or move the second key to a new line',
    ],
  },
  {
    title: 'a colon without a space',
    file: 'provider: acme\noptions:\n  app_id: a\n  app_secret:canary\n',
    report: ['job.yaml:4:3: this line has no ": "', '  put a colon and a space between key and value'],
  },
  {
    title: 'a file of aliases of aliases',
    file: [0, 1, 2, 3].map((n) => `k${n}: &a${n} [${(n ? `*a${n - 1},` : '1,').repeat(10)}]\n`).join(''),
    report: ['job.yaml:1:1: too many alias expansions', '  repeat the values instead'],
  },
  {
    title: 'a line indented too far',
    file: 'provider: daily\n  name: x\n',
    report: ['job.yaml:1:11: the next line is indented too far', '  align the keys of a map in one column'],
  },
  {
    title: 'a line not indented far enough',
    file: 'options:\n  app_id: a\n mode: fast\n',
    report: [
      'job.yaml:3:1: the indentation does not match the lines above',
      '  align the keys of a map in one column, and close every bracket',
    ],
  },
  {
    title: 'a tag',
    file: 'provider: !!js/function daily\n',
    report: ['job.yaml:1:11: YAML tags (!) are not supported', '  remove the tag, or quote the value'],
  },
  {
    title: 'a value that begins with @',
    file: 'provider: @daily\n',
    report: ['job.yaml:1:11: a value cannot begin with this character', '  put the value in quotes'],
  },
  {
    title: 'a whole number that would be rounded',
    file: 'provider: acme\noptions:\n  app_id: 9007199254740993\n',
    report: ['job.yaml:3:11: number too long to be exact', '  put it in quotes'],
  },
];

const keys: Case[] = [
  {
    title: 'an unknown provider',
    file: 'provider: acne\n',
    report: ['job.yaml:1:1: unknown provider "acne"', '  did you mean "acme"?'],
  },
  {
    title: 'a provider that is like none',
    file: 'name: mine\nprovider: openai\n',
    report: ['job.yaml:2:1: unknown provider "openai"', '  expected one of acme, daily'],
  },
  {
    title: 'no provider',
    file: 'name: mine\n',
    report: ['job.yaml:1:1: provider: is missing', '  expected one of acme, daily'],
  },
  {
    title: 'an unknown key',
    file: job('bukcet: 1h'),
    report: ['job.yaml:5:1: unknown key "bukcet"', '  did you mean "bucket"?'],
  },
  {
    title: 'a cron expression of four fields',
    file: job('schedule: "*/5 * * *"'),
    report: [
      'job.yaml:5:1: schedule: "*/5 * * *" is not a cron expression: expected 5 or 6 fields but got 4. Every 5 minutes is "*/5 * * * *".',
    ],
  },
  {
    title: 'a bad zone',
    file: job('zone: Asia/Shanghi'),
    report: [
      'job.yaml:5:1: zone: is not a time zone; did you mean Asia/Shanghai?',
      "  Time zone of the buckets. Default: the provider's.",
    ],
  },
  {
    title: 'a bad zone of the schedule',
    file: job('schedule_zone: Nowhere'),
    report: [
      'job.yaml:5:1: schedule_zone: is not a time zone; write its name, such as UTC, Asia/Shanghai or Europe/Berlin',
      '  Time zone of the schedule.',
    ],
  },
  {
    title: 'a bucket that nobody has',
    file: job('bucket: 5m'),
    report: [
      'job.yaml:5:1: bucket: must be "1h" or "1d"',
      "  Bucket width: the time span of one point. Default: the provider's.",
    ],
  },
  {
    title: 'a bucket that the provider lacks',
    file: 'provider: daily\nbucket: 1h\n',
    report: ['job.yaml:2:1: bucket: daily does not support 1h', '  it supports 1d'],
  },
  {
    title: 'a start in the future',
    file: job('start: 2026-12-01'),
    report: [
      'job.yaml:5:1: start: must not be in the future',
      '  it is now 2026-11-21 18:30 in Asia/Shanghai; write an earlier time',
    ],
  },
  {
    title: 'a start that is no time',
    file: job('start: yesterday'),
    report: ['job.yaml:5:1: start: is not a time', `${TIME_HINT}, or an age: 30d`],
  },
  {
    title: 'a day that no calendar has',
    file: job('start: 2026-02-30'),
    report: ['job.yaml:5:1: start: is not a time', `${TIME_HINT}, or an age: 30d`],
  },
  {
    title: 'a start before any provider existed',
    file: job('start: 1900-01-01'),
    report: [
      'job.yaml:5:1: start: must not be before 2015-01-01',
      '  write a later time, such as 30d or 2026-10-01',
    ],
  },
  {
    title: 'an age before any provider existed',
    file: job('start: 9999999d'),
    report: [
      'job.yaml:5:1: start: must not be before 2015-01-01',
      '  write a later time, such as 30d or 2026-10-01',
    ],
  },
  {
    title: 'an end before start',
    file: job('start: 2026-10-02\nend: 2026-10-01'),
    report: ['job.yaml:6:1: end: must be after start', '  swap them, or remove end'],
  },
  {
    title: 'an end that is no time',
    file: job('end: 30d'),
    report: ['job.yaml:5:1: end: is not a time', TIME_HINT],
  },
  {
    title: 'a look-back that is no span',
    file: job('lookback: 3 days'),
    report: [
      'job.yaml:5:1: lookback: must be a number with s, m, h, d or w: 5m, 2h, 3d, 1w',
      '  How long closed buckets are re-read, because providers correct their numbers.',
    ],
  },
  {
    title: 'a number for a text',
    file: job('account: 42'),
    report: [
      'job.yaml:5:1: account: must be text: put it in quotes',
      '  The tag account: distinguishes several accounts of one provider. Part of the identity of every point.',
    ],
  },
  {
    title: 'a word for a switch',
    file: job('enabled: maybe'),
    report: [
      'job.yaml:5:1: enabled: must be true or false',
      '  Set to false to disable the job; the rest of the file is then not validated.',
    ],
  },
  {
    title: 'a name with capitals',
    file: job('name: Mine'),
    report: [
      'job.yaml:5:1: name: must be lowercase letters, digits and hyphens, at most 63',
      '  Name of the job in commands, logs and metrics. Default: the file name.',
    ],
  },
  {
    title: 'limits of unknown tags, and limits of nothing',
    file: job('tag_limits:\n  key: 0\n  usr: 5'),
    report: [
      'job.yaml:6:3: tag_limits.key: must be at least 1',
      'job.yaml:7:3: unknown option "usr"',
      '  did you mean "user"?',
    ],
  },
  {
    title: 'a short key for pseudonyms',
    file: job('pseudonymise_users:\n  key: ${ACME_APP_ID}'),
    report: [
      'job.yaml:6:3: pseudonymise_users.key: must have at least 16 characters: try openssl rand -hex 32',
    ],
  },
  {
    title: 'a missing file of teams',
    file: job('teams: nowhere.csv'),
    report: [
      'job.yaml:5:1: teams: nowhere.csv cannot be read (ENOENT)',
      '  the path is relative to this file',
    ],
  },
];

const options: Case[] = [
  {
    title: 'no options where some are needed',
    file: 'provider: acme\n',
    report: [
      'job.yaml:1:1: options.app_id: is missing',
      '  The id of the app.',
      'job.yaml:1:1: options.app_secret: is missing',
      SECRET_HINT,
    ],
  },
  {
    title: 'options without values',
    file: 'provider: acme\noptions:\n  app_id: a\n  app_secret:\n',
    report: ['job.yaml:4:3: options.app_secret: is missing', SECRET_HINT],
  },
  {
    title: 'options that are no map',
    file: 'provider: acme\noptions: 5\n',
    report: ['job.yaml:2:1: options: must be a map', '  Options of the provider.'],
  },
  {
    title: 'an unknown option',
    file: job('  app_idd: a'),
    report: ['job.yaml:5:3: unknown option "app_idd"', '  did you mean "app_id"?'],
  },
  {
    title: 'options of a provider without any',
    file: 'provider: daily\noptions:\n  mode: fast\n',
    report: ['job.yaml:3:3: unknown option "mode"'],
  },
  {
    title: 'a number too large',
    file: job('  page_size: 5000'),
    report: ['job.yaml:5:3: options.page_size: must be at most 1000', '  Rows at a time.'],
  },
  {
    title: "a provider's own rule",
    file: job('  page_size: 13'),
    report: ['job.yaml:5:3: options.page_size: thirteen brings bad luck', '  Rows at a time.'],
  },
  {
    title: 'a variable for a number',
    file: job('  page_size: ${ACME_APP_ID}'),
    report: [
      'job.yaml:5:3: options.page_size: must be a number',
      '  a ${VARIABLE} gives text; write the value itself',
    ],
  },
  {
    title: 'an address that is none',
    file: job('  base_url: example'),
    report: [
      'job.yaml:5:3: options.base_url: must be a URL such as https://example.com',
      '  Where the API is.',
    ],
  },
  {
    title: 'a value that is not offered',
    file: job('  mode: fats'),
    report: ['job.yaml:5:3: options.mode: must be "fast" or "slow"', '  did you mean "fast"?'],
  },
  {
    title: 'a value that fits no alternative',
    file: job('  members: al'),
    report: ['job.yaml:5:3: options.members: must be "all" or a map', '  did you mean "all"?'],
  },
  {
    title: 'a value inside an alternative',
    file: job('  members: {emails: []}'),
    report: ['job.yaml:5:13: options.members.emails: is too short or empty'],
  },
  {
    title: 'an unknown option inside an alternative',
    file: job('  members: {email: [a]}'),
    report: [
      'job.yaml:5:3: options.members.emails: is missing',
      'job.yaml:5:13: unknown option "email"',
      '  did you mean "emails"?',
    ],
  },
  {
    title: 'several faults at once',
    file: job('  mode: slwo\nbukcet: 1h\nlookback: long'),
    report: [
      'job.yaml:5:3: options.mode: must be "fast" or "slow"',
      '  did you mean "slow"?',
      'job.yaml:6:1: unknown key "bukcet"',
      '  did you mean "bucket"?',
      'job.yaml:7:1: lookback: must be a number with s, m, h, d or w: 5m, 2h, 3d, 1w',
      '  How long closed buckets are re-read, because providers correct their numbers.',
    ],
  },
];

const variables: Case[] = [
  {
    title: 'a secret in the file',
    file: 'provider: acme\noptions:\n  app_id: a\n  app_secret: canary-in-file\n',
    report: ['job.yaml:4:3: options.app_secret: secrets must not be written in this file', SECRET_HINT],
  },
  {
    title: 'a secret as the default of a variable',
    file: 'provider: acme\noptions:\n  app_id: a\n  app_secret: ${NOPE:-canary-in-file}\n',
    report: ['job.yaml:4:3: options.app_secret: secrets must not be written in this file', SECRET_HINT],
  },
  {
    title: 'a secret among others',
    file: job('  headers:\n    x-key: canary-in-file'),
    report: [
      'job.yaml:6:5: options.headers.x-key: secrets must not be written in this file',
      '  write x-key: ${ACME_HEADERS_X_KEY} and set ACME_HEADERS_X_KEY in the environment or in .env, ' +
        'or write x-key: {file: /run/secrets/acme_headers_x_key}',
    ],
  },
  {
    title: 'a secret next to broken YAML',
    file: 'provider: acme\noptions: {app_secret: canary-in-file: x}\n',
    report: ['job.yaml:2:23: this is not valid YAML', '  check quotes, brackets and indentation'],
  },
  {
    title: 'one variable of two',
    file: 'provider: acme\noptions:\n  app_id: ${ACME_APP_ID}\n  app_secret: ${ACME_SECRET}\n',
    report: [
      'job.yaml:4:3: ACME_SECRET is not set, but ACME_APP_ID is',
      '  set ACME_SECRET in the environment or in .env, or disable the job with "enabled: false"',
    ],
  },
  {
    title: 'what is no variable',
    file: job('account: ${MY ACCOUNT}'),
    report: [
      'job.yaml:5:1: account: invalid variable reference after "${"',
      '  write ${NAME} or ${NAME:-default}, or $${ for a literal ${',
    ],
  },
  {
    title: 'an open variable',
    file: job('account: a${ACME_APP_ID'),
    report: [
      'job.yaml:5:1: account: invalid variable reference after "${"',
      '  write ${NAME} or ${NAME:-default}, or $${ for a literal ${',
    ],
  },
  {
    title: 'a missing file of a secret',
    file: 'provider: acme\noptions:\n  app_id: a\n  app_secret: {file: /nowhere/secret}\n',
    report: [
      'job.yaml:4:3: options.app_secret: the file cannot be read: /nowhere/secret (ENOENT)',
      '  check the path and its permissions',
    ],
  },
];

test.each([...yaml, ...keys, ...options, ...variables])('$title is an error', ({ file, report }) => {
  const loaded = load({ 'job.yaml': file }, ENV);

  expect(loaded.report.split('\n')).toEqual(report);
  expect(loaded.jobs).toEqual([]);
  expect(loaded.report).not.toMatch(/canary/);
});

test('a variable whose file cannot be read is an error', () => {
  const env = { ACME_APP_ID: 'app', ACME_APP_SECRET_FILE: '/nowhere/secret' };

  const loaded = load({ 'job.yaml': job('') }, env);

  expect(loaded.report).toBe(
    'job.yaml:4:3: options.app_secret: the file of ACME_APP_SECRET_FILE cannot be read: /nowhere/secret (ENOENT)\n' +
      '  check the path and its permissions',
  );
});

test('all files are validated at once, in the order of their names', () => {
  const loaded = load({ 'b.yaml': 'provider: acne\n', 'a.yml': '', 'c.yaml': 'provider: daily\n' }, ENV);

  expect(loaded.issues.map(({ file }) => file?.slice(-6))).toEqual(['/a.yml', 'b.yaml']);
  expect(loaded.jobs.map(({ name }) => name)).toEqual(['c']);
});

test('two jobs with one name are an error', () => {
  const loaded = load({
    'a.yaml': 'provider: daily\n',
    'b.yaml': 'provider: daily\naccount: other\nname: a\n',
  });

  expect(loaded.report).toBe('b.yaml:3:1: duplicate job name "a": also used by a.yaml\n  rename one of them');
});

test('two jobs for the same points are an error', () => {
  const loaded = load({ 'a.yaml': 'provider: daily\n', 'b.yaml': 'provider: daily\naccount: default\n' });

  expect(loaded.report).toBe(
    'b.yaml:2:1: writes the same points as a.yaml: provider daily, account default, bucket 1d\n' +
      '  give one of them another account, or merge them into one job',
  );
});

test.each([
  ['another account', 'provider: daily\naccount: other\n'],
  ['another time', 'provider: daily\nstart: 2020-01-01\nend: 2021-01-01\n'],
  ['nothing else while it is disabled', 'provider: daily\nenabled: false\n'],
])('two jobs of one provider go together where one has %s', (_, second) => {
  const loaded = load({ 'a.yaml': 'provider: daily\nstart: 2021-01-01\n', 'b.yaml': second });

  expect(loaded.report).toBe('');
});

test('a missing folder is an error', () => {
  const loaded = loadFolder('/nowhere/jobs');

  expect(loaded.issues.map(formatIssue)).toEqual([
    '/nowhere/jobs: job folder not found\n' +
      '  tokentide ships a job file per provider in its jobs folder; set another folder with --jobs or TOKENTIDE_JOBS',
  ]);
});

test('a folder without job files is an error', () => {
  const folder = folderOf({ 'notes.txt': 'none', '.hidden.yaml': 'provider: daily\n' });

  const loaded = loadFolder(folder);

  expect(loaded.issues.map(({ message }) => message)).toEqual(['no job files (*.yaml) in this folder']);
});

test('a file that cannot be read is an error', () => {
  const folder = folderOf({ 'a.yaml': 'provider: daily\n' });
  mkdirSync(join(folder, 'b.yaml'));

  const loaded = loadFolder(folder);

  expect(loaded.issues.map(({ message }) => message)).toEqual(['cannot be read (EISDIR)']);
});

test.each([
  'provider: ${CANARY}\n',
  job('bucket: ${CANARY}\nzone: ${CANARY}\nschedule_zone: ${CANARY}'),
  job('name: ${CANARY}\nstart: ${CANARY}\nend: ${CANARY}\nlookback: ${CANARY}'),
  job('tag_limits: { user: "${CANARY}" }\nenabled: ${CANARY}\nteams: /nowhere/teams.csv'),
  job('  base_url: ${CANARY}\n  page_size: ${CANARY}\n  mode: ${CANARY}\n  members: ${CANARY}'),
  job('  members: { emails: ${CANARY}\n  headers: [ "${CANARY}" ]'),
  job('  members:\n    emails: ${CANARY}\n  headers: ["${CANARY}"]'),
  job('  app_secrt: canary-in-file'),
  job('  app_secret: canary-in-file'),
  job('  members: canary-in-file\n  mode: canary-in-file\n  base_url: canary-in-file'),
])('no message repeats a value: %j', (file) => {
  const { report } = load({ 'job.yaml': file }, { ...ENV, CANARY: 'canary-in-variable' });

  expect(report).not.toBe('');
  expect(report).not.toMatch(/canary/);
});
