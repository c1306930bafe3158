import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { INFLUX_VARIABLES } from '../../src/config/influx-settings.ts';
import { inputSchema, JobFields } from '../../src/config/job-schema.ts';
import { loadJobs } from '../../src/config/jobs.ts';
import { readSettings } from '../../src/config/settings.ts';
import { PROVIDERS } from '../../src/providers/index.ts';
import { NOW } from './loading.ts';

const JOBS = new URL('../../jobs/', import.meta.url).pathname;
const EXAMPLE = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');

const textOf = (id: string): string => readFileSync(join(JOBS, `${id}.yaml`), 'utf8');
const variablesIn = (text: string): string[] =>
  [...text.matchAll(/^[^#\n]*\$\{(\w+)\}/gm)].map(([, name]) => name ?? '');
const ALL_SET = Object.fromEntries(
  PROVIDERS.flatMap(({ id }) => variablesIn(textOf(id))).map((name) => [name, 'x']),
);
const load = (folder: string, env: Record<string, string>): ReturnType<typeof loadJobs> =>
  loadJobs(folder, { env, now: () => NOW, providers: PROVIDERS });

test('there is one job file for each provider', () => {
  expect(readdirSync(JOBS).toSorted()).toEqual(PROVIDERS.map(({ id }) => `${id}.yaml`).toSorted());
});

test('all jobs are disabled without variables and enabled with them', () => {
  const without = load(JOBS, {});
  const withAll = load(JOBS, ALL_SET);

  expect(without.issues).toEqual([]);
  expect(without.off.map(({ name }) => name).toSorted()).toEqual(PROVIDERS.map(({ id }) => id).toSorted());
  expect(withAll.issues).toEqual([]);
  expect(withAll.jobs).toHaveLength(PROVIDERS.length);
});

test.each(PROVIDERS.map((provider) => [provider.id, provider] as const))(
  'the job file of %s shows every key and option',
  (id, provider) => {
    const text = textOf(id);
    const keys = Object.keys(JobFields.shape).filter((key) => key !== 'provider');
    const options = Object.keys(inputSchema(provider.options).properties ?? {});

    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=../schema/job.schema.json');
    for (const key of keys) expect(text).toMatch(new RegExp(`^(# )?${key}:`, 'm'));
    for (const option of options) expect(text).toMatch(new RegExp(`^  (# )?${option}:`, 'm'));
  },
);

test.each(PROVIDERS.map(({ id }) => [id]))('what the job file of %s comments out are the defaults', (id) => {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-shipped-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const seen = new Set<string>();
  const first = (line: string): string => {
    const key = /^( *)# ([a-z_]+): [^ ]/.exec(line);
    if (!key || NOT_DEFAULTS.has(key[2] ?? '') || seen.has(key[2] ?? '')) return line;
    seen.add(key[2] ?? '');
    return line.replace('# ', '');
  };
  writeFileSync(join(folder, `${id}.yaml`), textOf(id).split('\n').map(first).join('\n'));

  const uncommented = load(folder, ALL_SET);

  expect(uncommented.issues).toEqual([]);
  expect(seen.size).toBeGreaterThan(8);
  expect(uncommented.jobs).toEqual(load(JOBS, ALL_SET).jobs.filter(({ name }) => name === id));
});

/** Keys whose comment shows an example, because there is no default, or none that one line can say. */
const NOT_DEFAULTS = new Set(['end', 'retention', 'teams', 'key', 'session_token', 'projects', 'models']);

test('.env.example names every variable, and its values are the defaults', () => {
  const uncommented = EXAMPLE.replaceAll(/^# (?=[A-Z0-9_]+=)/gm, '');
  const { INFLUX_HOST, ...variables } = parseEnv(uncommented);
  const named = Object.keys({ INFLUX_HOST, ...variables });
  const ours = ['JOBS', 'ALERTS', 'DATA', 'LISTEN', 'LOG_LEVEL', 'STORE', 'SPOOL_POINTS', 'TIMEOUT'].map(
    (key) => `TOKENTIDE_${key}`,
  );

  expect(parseEnv(EXAMPLE)).toEqual({});
  expect(named).toEqual(expect.arrayContaining([...Object.keys(ALL_SET), ...ours]));
  expect(named).toEqual(expect.arrayContaining(INFLUX_VARIABLES.filter((name) => !name.endsWith('_FILE'))));
  expect(INFLUX_HOST).toBe('http://localhost:8086');
  expect(readSettings(variables)).toEqual(readSettings({}));
});
