import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { main } from '../../src/cli.ts';
import type { Finished } from '../support/process.ts';
import { expectComplaint } from './support/complaint.ts';
import { createPlace, type Place } from './support/place.ts';

const GOOD = 'provider: r9s\noptions:\n  management_key: ${R9S_MANAGEMENT_KEY}\n';
const KEY = { R9S_MANAGEMENT_KEY: 'sk_mg_key' };

interface Bad {
  readonly what: string;
  /** Contents of the folder of jobs. */
  readonly jobs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly prepare?: (place: Place) => void;
  /** The first line on standard error. */
  readonly message: RegExp;
  /** The line below it. */
  readonly hint: RegExp;
}

const BAD: readonly Bad[] = [
  {
    what: 'no folder of jobs',
    prepare: ({ folder }) => rmSync(join(folder, 'jobs'), { recursive: true }),
    message: /^\.\/jobs: job folder not found$/,
    hint: /set another folder with --jobs or TOKENTIDE_JOBS/,
  },
  {
    what: 'no jobs in it',
    jobs: {},
    message: /^\.\/jobs: no job files \(\*\.yaml\) in this folder$/,
    hint: /ships a job file per provider/,
  },
  {
    what: 'a missing variable',
    env: {},
    message: /^no job is enabled$/,
    hint: /set the missing variables in the environment or in \.env/,
  },
  {
    what: 'one of two variables missing',
    jobs: { 'a.yaml': 'provider: trae\noptions: { app_id: "${ID}", app_secret: "${SECRET}" }\n' },
    env: { ID: 'x' },
    message: /^jobs\/a\.yaml:2:\d+: SECRET is not set, but ID is$/,
    hint: /set SECRET in the environment or in \.env, or disable the job/,
  },
  {
    what: 'an unknown provider',
    jobs: { 'a.yaml': GOOD.replace('r9s', 'r9z') },
    message: /^jobs\/a\.yaml:1:1: unknown provider "r9z"$/,
    hint: /did you mean "r9s"\?/,
  },
  {
    what: 'an unknown option',
    jobs: { 'a.yaml': `${GOOD}  pagesize: 10\n` },
    message: /^jobs\/a\.yaml:4:3: unknown option "pagesize"$/,
    hint: /did you mean "page_size"\?/,
  },
  {
    what: 'an unquoted cron expression',
    jobs: { 'a.yaml': `schedule: */5 * * * *\n${GOOD}` },
    message: /^jobs\/a\.yaml:1:\d+: the cron expression is not quoted$/,
    hint: /schedule: '\*\/5 \* \* \* \*'/,
  },
  {
    what: 'a bad zone',
    jobs: { 'a.yaml': `zone: Asia/Shangai\n${GOOD}` },
    message: /^jobs\/a\.yaml:1:1: zone: is not a time zone; did you mean Asia\/Shanghai\?$/,
    hint: /./,
  },
  {
    what: 'end before start',
    jobs: { 'a.yaml': `start: 2026-02-01\nend: 2026-01-01\n${GOOD}` },
    message: /^jobs\/a\.yaml:2:1: end: must be after start$/,
    hint: /swap them, or remove end/,
  },
  {
    what: 'start in the future',
    jobs: { 'a.yaml': `start: 2999-01-01\n${GOOD}` },
    message: /^jobs\/a\.yaml:1:1: start: must not be in the future$/,
    hint: /in UTC; write an earlier time/,
  },
  {
    what: 'a bucket that the provider lacks',
    jobs: { 'a.yaml': `bucket: 1m\n${GOOD}` },
    message: /^jobs\/a\.yaml:1:1: bucket: must be "1h" or "1d"$/,
    hint: /./,
  },
  {
    what: 'two jobs with one name',
    jobs: { 'a.yaml': GOOD, 'b.yaml': `name: a\naccount: other\n${GOOD}` },
    message: /^jobs\/b\.yaml:1:1: duplicate job name "a": also used by jobs\/a\.yaml$/,
    hint: /rename one of them/,
  },
  {
    what: 'two jobs for the same points',
    jobs: { 'a.yaml': GOOD, 'b.yaml': GOOD },
    message:
      /^jobs\/b\.yaml:1:1: writes the same points as jobs\/a\.yaml: provider r9s, account default, bucket 1d$/,
    hint: /give one of them another account, or merge them into one job/,
  },
  {
    what: 'a file that cannot be read',
    jobs: {},
    prepare: ({ folder }) => mkdirSync(join(folder, 'jobs/x.yaml')),
    message: /^jobs\/x\.yaml: cannot be read \(EISDIR\)$/,
    hint: /it is a folder; rename it/,
  },
  {
    what: 'a .env file that cannot be read',
    prepare: ({ folder }) => mkdirSync(join(folder, '.env')),
    message: /\.env: cannot be read \(EISDIR\)$/,
    hint: /check the path and its permissions/,
  },
  {
    what: 'a data folder that cannot be written',
    env: { ...KEY, TOKENTIDE_DATA: 'file/data' },
    prepare: ({ folder }) => writeFileSync(join(folder, 'file'), ''),
    message: /^cannot open the ledger file\/data\/ledger\.sqlite: /,
    hint: /Make the data folder writable for this user, or set TOKENTIDE_DATA to another folder\./,
  },
  {
    what: 'a data folder where the file system takes none',
    env: { ...KEY, TOKENTIDE_DATA: '/proc/tokentide/data' },
    message: /^cannot open the ledger \/proc\/tokentide\/data\/ledger\.sqlite: ENOENT/,
    hint: /Make the data folder writable for this user, or set TOKENTIDE_DATA to another folder\./,
  },
  {
    what: 'a store that is no database',
    prepare: ({ folder, data }) => {
      mkdirSync(data);
      writeFileSync(join(folder, 'data/usage.sqlite'), 'not a database '.repeat(100));
    },
    message: /^the SQLite file data\/usage\.sqlite is not a SQLite database/,
    hint: /Name another file, or move this one away\./,
  },
  {
    what: 'a store that cannot be reached',
    env: { ...KEY, INFLUX_HOST: 'http://127.0.0.1:1', INFLUX_DATABASE: 'usage' },
    message: /^the server at http:\/\/127\.0\.0\.1:1 cannot be reached: /,
    hint: /start the server or correct INFLUX_HOST/,
  },
  {
    what: 'a misspelt variable',
    env: { ...KEY, TOKENTIDE_LOGLEVEL: 'debug' },
    message: /^TOKENTIDE_LOGLEVEL is not a variable of tokentide$/,
    hint: /did you mean TOKENTIDE_LOG_LEVEL\?/,
  },
];

function placeOf({ jobs = { 'a.yaml': GOOD }, prepare }: Bad): Place {
  const place = createPlace();
  for (const [name, text] of Object.entries(jobs)) writeFileSync(join(place.folder, 'jobs', name), text);
  prepare?.(place);
  return place;
}

/** As `place.run`, in this process, which spares the start of another. */
async function run(
  place: Place,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Finished> {
  const home = process.cwd();
  onTestFinished(() => process.chdir(home));
  process.chdir(place.folder);
  const printed = { stdout: '', stderr: '' };
  const code = await main(['node', 'tokentide', ...args], {
    env: { ...place.env, ...env },
    cwd: () => place.folder,
    pid: process.pid,
    once: () => undefined,
    stdout: { write: (text) => (printed.stdout += text) },
    stderr: { write: (text) => (printed.stderr += text) },
  });
  return { code, signal: null, ...printed };
}

describe.each(BAD)('$what', (bad) => {
  test.each(['run', 'collect'])('ends %s with exit code 2 and says what to do', async (command) => {
    const place = placeOf(bad);

    const complaint = await run(place, [command], bad.env ?? KEY);

    expectComplaint(complaint, bad.message, bad.hint);
  });
});

test.each(['run', 'collect'])('a process that runs %s ends in the same way', async (command) => {
  const bad = BAD[4]!;
  const place = placeOf(bad);

  const complaint = await place.run([command], KEY);

  expectComplaint(complaint, bad.message, bad.hint);
});

test.each([
  ['a command', ['colect'], /^error: unknown command 'colect'$/, /^\(Did you mean collect\?\)$/],
  [
    'an option',
    ['collect', '--dryrun'],
    /^error: unknown option '--dryrun'$/,
    /^\(Did you mean --dry-run\?\)$/,
  ],
  ['a job', ['collect', 'aa'], /^unknown job "aa"$/, /^ {2}did you mean "a"\?$/],
  [
    'a time',
    ['backfill', 'a', '--from', 'yesterday'],
    /^--from: "yesterday" is not a time$/,
    /^ {2}write 2026-/,
  ],
  [
    'a range',
    ['backfill', 'a', '--from', '1d', '--to', '2d'],
    /^--from is not before --to/,
    /^ {2}choose an earlier/,
  ],
])('%s that is not known ends with exit code 2 and what was meant', async (_, args, message, suggestion) => {
  const place = placeOf(BAD[2]!);

  const { code, stdout, stderr } = await run(place, args, KEY);

  const [first, second] = stderr.split('\n');
  expect(first).toMatch(message);
  expect(second).toMatch(suggestion);
  expect([code, stdout]).toEqual([2, '']);
});

test('bad input leaves no file behind', async () => {
  const place = placeOf(BAD[4]!);

  await run(place, ['collect'], KEY);

  expect(readdirSync(place.folder)).toEqual(['jobs']);
});
