import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { DEFAULT_RULES, type Rules } from '../../src/alerts/rules.ts';
import { alertsFileOf, readAlerts, rulesFor, workCalendarOf } from '../../src/config/alerts-file.ts';
import { alertsFileSchema } from '../../src/config/alerts-schema.ts';
import { ConfigError, formatIssue } from '../../src/config/errors.ts';
import type { SchemaNode } from '../../src/config/schema-node.ts';
import { page } from '../support/markdown.ts';
import { folderOf } from './loading.ts';

function read(text: string, files: Readonly<Record<string, string>> = {}, env = {}) {
  return readAlerts(join(folderOf({ 'alerts.yaml': text, ...files }), 'alerts.yaml'), env);
}

/** The errors as the user sees them. */
function report(text: string, files: Readonly<Record<string, string>> = {}, env = {}): string[] {
  const folder = folderOf({ 'alerts.yaml': text, ...files });
  try {
    readAlerts(join(folder, 'alerts.yaml'), env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map(formatIssue).join('\n').replaceAll(`${folder}/`, '').split('\n');
  }
  return [];
}

describe('without settings', () => {
  it.each([
    ['no file', undefined],
    ['an empty file', ''],
    ['a file of comments', '# rules:\n'],
    ['empty sections', 'rules:\ncalendar:\naccounts:\n'],
  ])('%s means the defaults', (_, text) => {
    const alerts = text === undefined ? readAlerts(undefined, {}) : read(text);

    expect(alerts).toEqual({
      off: false,
      zone: 'Asia/Shanghai',
      channels: { channels: new Map(), off: [] },
      calendar: { holidays: [], workdays: [] },
      rules: DEFAULT_RULES,
      accounts: [],
    });
  });
});

test('a threshold replaces one default and keeps all others', () => {
  const { rules } = read('rules:\n  spike_key:\n    z: 4\n  night: {off: true}\n');

  expect(rules).toEqual({
    ...DEFAULT_RULES,
    spike_key: { ...DEFAULT_RULES.spike_key, z: 4 },
    night: { ...DEFAULT_RULES.night, off: true },
  } satisfies Rules);
});

test('thresholds of an account replace those of all accounts, for that account alone', () => {
  const alerts = read(`
rules:
  spike_key: {z: 4}
accounts:
  - provider: trae
    rules: {spike_key: {floor_tokens: 5000000}}
  - provider: trae
    account: lab
    rules: {spike_key: {z: 5}, budget: {tokens: 9}}
`);
  const of = (provider: string, account: string) => rulesFor(alerts, { provider, account });

  const common = { ...DEFAULT_RULES.spike_key, z: 4 };
  expect(of('trae', 'default').spike_key).toEqual({ ...common, floor_tokens: 5_000_000 });
  expect(of('trae', 'lab').spike_key).toEqual({ ...common, z: 5 });
  expect(of('trae', 'lab').budget).toEqual({ ...DEFAULT_RULES.budget, tokens: 9 });
  expect(of('ucloud', 'default')).toEqual({ ...DEFAULT_RULES, spike_key: common });
});

test('a value may be a variable where it is text', () => {
  expect(read('zone: ${ZONE}', {}, { ZONE: 'Europe/Berlin' }).zone).toBe('Europe/Berlin');
});

describe('the calendar', () => {
  const NATIONAL_DAY = '2025-10-01';
  const MAKE_UP_SATURDAY = '2025-10-11';

  it('has the public holidays of China in the time zone of China, under any of its names', () => {
    for (const zone of ['Asia/Shanghai', 'PRC']) {
      const calendar = workCalendarOf(read(`zone: ${zone}`));

      expect([NATIONAL_DAY, MAKE_UP_SATURDAY].map((date) => calendar.isRestDay(date))).toEqual([true, false]);
      expect([2025, 2090].map((year) => calendar.knowsYear(year))).toEqual([true, false]);
    }
  });

  it('has none elsewhere, also if the zone is not that of the file', () => {
    const alerts = read('zone: Asia/Shanghai');

    for (const calendar of [workCalendarOf(alerts, 'Europe/Berlin'), workCalendarOf(read('zone: UTC'))]) {
      expect([NATIONAL_DAY, MAKE_UP_SATURDAY].map((date) => calendar.isRestDay(date))).toEqual([false, true]);
      expect(calendar.knowsYear(2090)).toBe(true);
    }
  });

  it('has those of the country that the file names', () => {
    const china = workCalendarOf(read('zone: UTC\ncalendar: {country: cn}'));
    const none = workCalendarOf(read('calendar: {country: none}'));

    expect([china, none].map((calendar) => calendar.isRestDay(NATIONAL_DAY))).toEqual([true, false]);
  });

  it('takes further days from the file and from a file of days', () => {
    const calendar = workCalendarOf(
      read("calendar:\n  holidays: [2026-12-24]\n  workdays: ['2026-12-26']\n  file: days.csv\n", {
        'days.csv': 'date,day\n2026-12-25,holiday\n2026-12-27,workday\n',
      }),
    );

    const days = ['2026-12-23', '2026-12-24', '2026-12-25', '2026-12-26', '2026-12-27'];
    expect(days.map((date) => calendar.isRestDay(date))).toEqual([false, true, true, false, false]);
  });
});

test('all errors are reported at once, each with its place and a hint', () => {
  const lines = report(
    `zone: Asia/Shangai
calender: {}
calendar:
  country: us
  holidays: [2026-02-30]
  file: days.csv
rules:
  spike_kee:
    z: 4
  spike_key:
    z: high
    floor: 3
  night:
    until_hour: 25
  cache_share: off
accounts:
  - account: main
    rules: {}
`,
    { 'days.csv': 'date,day\n2026-13-01,holiday\n2026-12-25,feast\n' },
  );

  expect(lines).toEqual([
    'alerts.yaml:1:1: zone: is not a time zone; did you mean Asia/Shanghai?',
    '  Time zone of days, nights and working hours.',
    'alerts.yaml:2:1: unknown key "calender"',
    '  did you mean "calendar"?',
    'alerts.yaml:4:3: calendar.country: must be "cn" or "none"',
    expect.stringMatching(/^ {2}cn: public holidays/),
    'alerts.yaml:5:14: calendar.holidays.0: must be a date that exists, such as 2026-10-01',
    'alerts.yaml:6:3: calendar.file: days.csv:2: the date must be one that exists, such as 2026-10-01',
    'alerts.yaml:6:3: calendar.file: days.csv:3: the day must be holiday or workday',
    'alerts.yaml:8:3: unknown option "spike_kee"',
    '  did you mean "spike_key"?',
    'alerts.yaml:11:5: rules.spike_key.z: must be a number',
    '  Standard deviations above the usual.',
    'alerts.yaml:12:5: unknown option "floor"',
    '  expected one of floor_share, floor_tokens, off, page_ratio, ratio, z',
    'alerts.yaml:14:5: rules.night.until_hour: must be at most 24',
    '  The night is from 00:00 until this hour.',
    'alerts.yaml:15:3: rules.cache_share: must be a map',
    '  Far less of the input than usual comes from a cache.',
    'alerts.yaml:17:5: accounts.0.provider: is missing',
    '  The tag provider.',
  ]);
});

test.each([
  ['a list', '- rules\n', 'alerts.yaml:1:1: the file of alert rules is a map of keys and values'],
  ['a tab', 'rules:\n\tnight: 1\n', 'alerts.yaml:2:1: tab used for indentation'],
  ['an unset variable', 'zone: ${NOWHERE}\n', 'alerts.yaml:1:1: zone: NOWHERE is not set'],
  [
    'a missing file of days',
    'calendar: {file: days.csv}\n',
    'alerts.yaml:1:12: calendar.file: days.csv cannot be read (ENOENT)',
  ],
  [
    'an account twice',
    'accounts:\n  - {provider: a, rules: {}}\n  - {provider: a, account: default, rules: {}}\n',
    'alerts.yaml:3:6: accounts.1: the thresholds of a, account default, are already set by accounts.0',
  ],
])('%s is an error', (_, text, message) => {
  expect(report(text)[0]).toBe(message);
});

test('a file of days needs its header', () => {
  expect(report('calendar: {file: days.csv}\n', { 'days.csv': '2026-10-01,holiday\n' })[0]).toBe(
    'alerts.yaml:1:12: calendar.file: days.csv:1: the first line must be date,day',
  );
});

test('a file that does not exist is an error', () => {
  const file = join(folderOf({}), 'none.yaml');

  expect(() => readAlerts(file, {})).toThrow(`${file}: cannot be read (ENOENT)`);
});

test('channels are of no concern to the rules: their variables may be unset', () => {
  expect(read('channels:\n  ops: {kind: slack, url: "${SLACK_URL}"}\n').rules).toEqual(DEFAULT_RULES);
});

test('no error shows the value of a variable', () => {
  const lines = report('zone: ${CANARY}\nrules: {night: "${CANARY}"}\n', {}, { CANARY: 'canary-secret' });

  expect(lines).toHaveLength(4);
  expect(lines.join('\n')).not.toContain('canary-secret');
});

test('the file beside the folder of jobs is used if it is there, and another if it is named', () => {
  const folder = folderOf({ 'alerts.yaml': '' });
  const jobs = join(folder, 'jobs');

  expect(alertsFileOf({ jobs })).toBe(join(folder, 'alerts.yaml'));
  expect(alertsFileOf({ jobs: join(folderOf({}), 'jobs') })).toBeUndefined();
  expect(alertsFileOf({ jobs, alerts: 'other.yaml' })).toBe('other.yaml');
});

describe('the schema', () => {
  const rules = alertsFileSchema().properties?.['rules']?.properties ?? {};

  it('has every threshold of every rule, with its default and a description', () => {
    const defaults = Object.fromEntries(
      Object.entries(rules).map(([name, { properties = {} }]) => [
        name,
        Object.fromEntries(Object.entries(properties).map(([key, node]) => [key, node.default])),
      ]),
    );
    const nodes = Object.values(rules).flatMap(({ properties = {} }) => Object.values(properties));

    expect(defaults).toEqual(DEFAULT_RULES);
    expect([...Object.values(rules), ...nodes].filter(({ description }) => !description)).toEqual([]);
  });

  it('accepts the defaults when they are written out', () => {
    expect(read(JSON.stringify({ rules: DEFAULT_RULES })).rules).toEqual(DEFAULT_RULES);
  });
});

describe('docs/alerts.md', () => {
  const { tables, blocks } = page('docs/alerts.md');

  it('lists every threshold with its default and its description', () => {
    const listed = tables.find(({ titles }) => titles[0] === 'rule')!.rows;
    const rules = alertsFileSchema().properties?.['rules']?.properties ?? {};
    // Rules with the same thresholds share their rows.
    const groups: { names: string[]; thresholds: Readonly<Record<string, SchemaNode>> }[] = [];
    for (const [name, { properties: thresholds = {} }] of Object.entries(rules)) {
      const last = groups.at(-1);
      if (JSON.stringify(last?.thresholds) === JSON.stringify(thresholds)) last!.names.push(name);
      else groups.push({ names: [name], thresholds });
    }
    const rows = groups.flatMap(({ names, thresholds }) =>
      Object.entries(thresholds)
        .filter(([key]) => key !== 'off')
        .map(([key, node]) => [
          names.map((name) => `\`${name}\``).join(', '),
          `\`${key}\``,
          [node.default]
            .flat()
            .map((value) => (value as number).toLocaleString('en-US'))
            .join(', '),
          node.description,
        ]),
    );

    expect(listed).toEqual(rows);
  });

  it('shows files that are valid', () => {
    const examples = blocks.filter((block) => /^(?:zone|rules|calendar|accounts):/m.test(block));

    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples)
      expect(report(example, { 'holidays.csv': 'date,day\n2026-12-25,holiday\n' })).toEqual([]);
  });
});

test('the repository has no alerts.yaml, so that the defaults are in use', () => {
  expect(() => readFileSync(new URL('../../alerts.yaml', import.meta.url))).toThrow('ENOENT');
});
