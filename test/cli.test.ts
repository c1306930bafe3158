import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { main } from '../src/cli.ts';
import { folderOf } from './config/loading.ts';

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in an empty folder. */
async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  folder = folderOf({}),
): Promise<Ended> {
  const printed = { out: '', err: '' };
  const code = await main(['node', 'tokentide', ...args], {
    env,
    cwd: () => folder,
    pid: 1,
    once: () => undefined,
    stdout: { write: (text) => (printed.out += text) },
    stderr: { write: (text) => (printed.err += text) },
  });
  return { code, ...printed };
}

test('help names every command and the exit codes', async () => {
  const { code, out } = await run(['--help']);

  expect(code).toBe(0);
  const commands = [
    'run',
    'collect',
    'backfill',
    'status',
    'gaps',
    'reconcile',
    'alerts',
    'demo',
    'check',
    'migrate',
    'forget',
    'schema',
  ];
  for (const command of commands) expect(out).toMatch(new RegExp(`^  ${command} `, 'm'));
  expect(out).toMatch(/Exit codes: 0 success, 1 failure, 2 usage or configuration error\./);
});

test('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };

  const { code, out } = await run(['--version']);

  expect(code).toBe(0);
  expect(out).toBe(`${version}\n`);
});

test.each([
  [['colect'], /unknown command 'colect'\n\(Did you mean collect\?\)/],
  [['collect', '--dry-rnu'], /unknown option '--dry-rnu'\n\(Did you mean --dry-run\?\)/],
  [['backfill', '--from', '1d'], /missing required argument 'job'/],
  [['backfill', 'trae'], /required option '--from <time>' not specified/],
  [['schema', 'x'], /too many arguments/],
  [['reconcile', '--tolerance', 'much'], /It must be a percentage/],
  [['alerts', 'replya'], /too many arguments for 'alerts'/],
  [['alerts', 'label', 'a-7f3k', 'fine'], /Allowed choices are expected, real/],
  [['alerts', 'replay'], /required option '--from <time>' not specified/],
  [
    ['alerts', 'replay', '--from', '1d', '--zone', 'Asia/Shangai'],
    /--zone: "Asia\/Shangai" is not a time zone/,
  ],
  [['alerts', 'replay', '--from', '1d', '--rules', 'none.yaml'], /none\.yaml: cannot be read \(ENOENT\)/],
  [['schema', '--points', '--alerts'], /cannot be used with/],
  [['migrate', 'trae', '--keep-old', '--drop-old'], /cannot be used with/],
  [[], /Usage: tokentide/],
])('%j is a usage error', async (args, message) => {
  const { code, out, err } = await run(args);

  expect(code).toBe(2);
  expect(out).toBe('');
  expect(err).toMatch(message);
});

test('the schema command needs no configuration', async () => {
  const { code, out, err } = await run(['schema'], { TOKENTIDE_LISTEN: 'nowhere' });

  expect(code).toBe(0);
  expect(err).toBe('');
  expect(JSON.parse(out)).toMatchObject({ title: 'tokentide job' });
});

test.each([
  ['a missing job folder', ['--jobs', '/nowhere/jobs'], {}, /job folder not found/],
  ['a wrong variable', [], { TOKENTIDE_LISTEN: 'nowhere' }, /TOKENTIDE_LISTEN: must be host:port/],
  ['a missing .env file', ['--env-file', '/nowhere/env'], {}, /\/nowhere\/env: cannot be read \(ENOENT\)/],
])('%s is a configuration error', async (_, options, env, message) => {
  const { code, err } = await run([...options, 'collect'], env);

  expect(code).toBe(2);
  expect(err).toMatch(message);
});

test('options take precedence over the environment, and the environment over the .env file', async () => {
  const folder = folderOf({ '.env': 'TOKENTIDE_JOBS=/nowhere/file\n' });

  const fromFile = await run(['collect'], {}, folder);
  const fromEnvironment = await run(['collect'], { TOKENTIDE_JOBS: '/nowhere/environment' }, folder);
  const fromOption = await run(
    ['collect', '--jobs', '/nowhere/option'],
    { TOKENTIDE_JOBS: '/nowhere/environment' },
    folder,
  );

  expect(fromFile.err).toMatch(/^\/nowhere\/file: /);
  expect(fromEnvironment.err).toMatch(/^\/nowhere\/environment: /);
  expect(fromOption.err).toMatch(/^\/nowhere\/option: /);
});

test('a plain-text secret is refused and not repeated', async () => {
  const text = 'provider: r9s\noptions:\n  management_key: canary-in-file\n  base_url: ${R9S_URL:-canary}\n';
  const folder = folderOf({ 'r9s.yaml': text });

  const { code, err } = await run(['collect', '--jobs', folder]);

  expect(code).toBe(2);
  expect(err).toMatch(
    `${join(folder, 'r9s.yaml')}:3:3: options.management_key: secrets must not be written in this file`,
  );
  expect(err).not.toMatch(/canary/);
});
