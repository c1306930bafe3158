import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { main } from '../src/cli.ts';
import { INFLUX_VARIABLES } from '../src/config/influx-settings.ts';
import { JobFields } from '../src/config/job-schema.ts';
import { createMetrics } from '../src/observe/metrics.ts';
import { PROVIDERS } from '../src/providers/index.ts';
import { CATALOGUE, USAGE } from '../src/usage/catalogue.ts';
import {
  anchorOf,
  codeIn,
  codesOf,
  page,
  pages,
  ROOT,
  tableOf,
  targetOf,
  type Page,
} from './support/markdown.ts';

const PAGES = pages();
const ENGLISH = page('README.md');
const CHINESE = page('README.zh-CN.md');

describe.each(PAGES.map((each) => [each.path, each] as const))('%s', (_, each) => {
  it('has no broken links', () => {
    const local = each.links.filter((link) => !/^[a-z]+:/.test(link)).map((link) => targetOf(each, link));

    const broken = local.filter(({ path, anchor }) => {
      if (path.startsWith('..') || !existsSync(join(ROOT, path))) return true;
      return anchor !== undefined && !page(path).headings.some(({ text }) => anchorOf(text) === anchor);
    });

    expect(broken).toEqual([]);
  });

  it('names commands, options and scripts that exist', async () => {
    const unknown: string[] = [];
    for (const command of each.commands) unknown.push(...(await unknownIn(command)));

    expect(unknown).toEqual([]);
  });
});

describe.each([
  ['README.md', ENGLISH, ['command', 'variable', 'key', 'tag', 'field', 'provider']] as const,
  ['README.zh-CN.md', CHINESE, ['命令', '变量', '键', '标签', '字段', '供应商']] as const,
])('the tables of %s', (_, readme, [command, variable, key, tag, field, provider]) => {
  it('list all commands, with options that they have', async () => {
    const rows = tableOf(readme, command).rows.map((row) => row.flatMap(codeIn).join(' '));
    const unknown: string[] = [];
    for (const row of rows) unknown.push(...(await unknownIn(row)));

    const named = new Set(rows.map((row) => row.split(' ')[1] ?? ''));
    expect([...named].toSorted()).toEqual((await commandsOf('')).toSorted());
    expect(unknown).toEqual([]);
  });

  it('list all variables of the settings', () => {
    const sources = ['settings.ts', 'influx-settings.ts'].map((name) =>
      readFileSync(join(ROOT, 'src/config', name), 'utf8'),
    );
    const own = sources.join().match(/\bTOKENTIDE_[A-Z]+(_[A-Z]+)*\b/g) ?? [];
    const influx = INFLUX_VARIABLES.filter((name) => !name.endsWith('_FILE'));

    expect(codesOf(tableOf(readme, variable)).toSorted()).toEqual(
      [...new Set([...own, ...influx])].toSorted(),
    );
  });

  it('list all keys of a job file', () => {
    expect(codesOf(tableOf(readme, key)).toSorted()).toEqual(Object.keys(JobFields.shape).toSorted());
  });

  it('list all tags and fields', () => {
    expect(codesOf(tableOf(readme, tag)).toSorted()).toEqual(USAGE.tagNames);
    expect(codesOf(tableOf(readme, field))).toEqual(USAGE.fieldNames);
    expect(readme.text).toContain(`\`${USAGE.name}\``);
  });

  it('list all other measurements with their tags and fields', () => {
    const table = tableOf(readme, 'measurement');
    const others = [...CATALOGUE.values()].filter((measurement) => measurement !== USAGE);

    expect(codesOf(table)).toEqual(others.map(({ name }) => name));
    expect(codesOf(table, 1)).toEqual(others.flatMap(({ tags }) => Object.keys(tags)));
    expect(codesOf(table, 2)).toEqual(others.flatMap(({ fieldNames }) => fieldNames));
  });

  it('list all providers, with their variables and a link to their page', () => {
    const table = tableOf(readme, provider);

    expect(codesOf(table)).toEqual(PROVIDERS.map(({ id }) => id));
    for (const [index, { id }] of PROVIDERS.entries()) {
      const job = readFileSync(join(ROOT, `jobs/${id}.yaml`), 'utf8');
      const variables = [...job.matchAll(/^ *[a-z_]+: \$\{(\w+)\}/gm)].map(([, name]) => name);
      expect(codesOf({ ...table, rows: [table.rows[index]!] }, 3)).toEqual(variables);
      expect(readme.links).toContain(`src/providers/${id}/README.md`);
    }
  });
});

describe('the two READMEs', () => {
  it('have the same headings, blocks and links', () => {
    const levels = ({ headings }: Page): number[] => headings.map(({ level }) => level);
    const elsewhere = ({ links }: Page): string[] =>
      links
        .filter((link) => !link.startsWith('README') && !link.startsWith('#'))
        .map((link) => link.replace('/zh-CN/', '/'))
        .toSorted();

    expect(levels(CHINESE)).toEqual(levels(ENGLISH));
    expect(CHINESE.blocks).toEqual(ENGLISH.blocks);
    expect(elsewhere(CHINESE)).toEqual(elsewhere(ENGLISH));
  });

  it('have the same tables, row by row, with the same names, defaults and figures', () => {
    const facts = ({ tables }: Page): unknown[] =>
      tables.map(({ rows }) => rows.map((row) => row.map(factsIn)));

    expect(facts(CHINESE)).toEqual(facts(ENGLISH));
  });

  it('have the same lists, item by item, with the same names and figures', () => {
    const facts = ({ text }: Page): unknown[] =>
      [...text.matchAll(/^(?:- |\d+\. )(.*(?:\n {2,}\S.*)*)/gm)].map(([, item = '']) => factsIn(item));

    expect(facts(CHINESE)).toEqual(facts(ENGLISH));
  });
});

describe('what the pages quote', () => {
  const code = sourceFiles('src')
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(file, 'utf8'));
  const isInCode = (text: string): boolean => code.some((file) => file.includes(text));

  it('of messages in the README is in the code', () => {
    const messages = codesOf(tableOf(ENGLISH, 'symptom')).filter((text) => !text.startsWith('tokentide '));
    const parts = messages.flatMap((text) => text.split('...')).map((part) => part.replace(/[ :()]+$/, ''));

    expect(parts.filter((part) => part.length > 2 && !isInCode(part))).toEqual([]);
  });

  it('of the demo is what the demo prints', () => {
    const sample = ENGLISH.blocks.find((block) => block.includes('tokentide demo:')) ?? '';
    const banner = sample.split('\n').slice(0, 2);

    expect(banner.filter((line) => !isInCode(line))).toEqual([]);
  });

  it('of the columns of status is in its table', () => {
    const titles = /title: '([^']+)'/g;
    const status = readFileSync(join(ROOT, 'src/commands/status.ts'), 'utf8');

    const shown = [...status.matchAll(titles)].map(([, title]) => title);

    expect(shown).toEqual(['job', ...codesOf(tableOf(page('docs/operations.md'), 'column'))]);
  });
});

test('operations.md lists all metrics, and no other', async () => {
  const metrics = createMetrics({
    version: '0',
    state: () => ({ jobs: [], spoolPoints: 0, openAlerts: {} }),
  });
  const exposed = [...(await metrics.text()).matchAll(/^# TYPE (tokentide_\w+)/gm)].map(
    ([, name = '']) => name,
  );
  const operations = page('docs/operations.md');

  expect(codesOf(tableOf(operations, 'metric of `/metrics`')).toSorted()).toEqual(exposed.toSorted());
  for (const name of operations.text.match(/\btokentide_\w+/g) ?? []) expect(exposed).toContain(name);
});

test('the index of the decisions lists all of them', () => {
  const files = readdirSync(join(ROOT, 'docs/decisions')).filter((name) => name !== 'README.md');

  expect([...page('docs/decisions/README.md').links].toSorted()).toEqual(files.toSorted());
});

test('comments in the code name pages that exist', () => {
  const named = sourceFiles().flatMap(
    (file) => readFileSync(file, 'utf8').match(/\bdocs\/[\w/-]+\.md\b/g) ?? [],
  );

  expect([...new Set(named)].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('no file names a place on one machine, or where packages came from', () => {
  // Assembled from parts, so that this file does not match.
  const places = [`/(?:${['home', 'root', 'work', 'Users'].join('|')})/`, ['https?://', 'registry'].join('')];
  const files = [
    ...sourceFiles(),
    ...PAGES.map(({ path }) => join(ROOT, path)),
    join(ROOT, 'package-lock.json'),
  ];

  const found = files.filter((file) => new RegExp(places.join('|')).test(readFileSync(file, 'utf8')));

  expect(found).toEqual([]);
});

/** The parts of a text that no translation changes: inline code and figures, sorted. */
function factsIn(text: string): string[] {
  const figures = text.replaceAll(/`[^`]*`/g, ' ').match(/\d[\d,.^-]*\d|\d/g) ?? [];
  return [...codeIn(text), ...figures].toSorted();
}

function sourceFiles(...folders: string[]): string[] {
  return (folders.length > 0 ? folders : ['src', 'test', 'bench', 'jobs', 'grafana', 'schema', '.ci'])
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name)),
    );
}

const helps = new Map<string, Promise<string>>();

/** The output of `tokentide --help`, or of the help of one command: `collect`, `alerts replay`. */
function help(command: string): Promise<string> {
  let text = '';
  const write = (part: string): void => void (text += part);
  const surroundings = {
    env: {},
    cwd: () => ROOT,
    pid: 1,
    once: () => undefined,
    stdout: { write },
    stderr: { write },
  };
  const asked =
    helps.get(command) ??
    main(['node', 'tokentide', ...command.split(' ').filter(Boolean), '--help'], surroundings).then(
      () => text,
    );
  helps.set(command, asked);
  return asked;
}

/** Names of the commands in a help text. */
async function commandsOf(command: string): Promise<string[]> {
  return [...(await help(command)).matchAll(/^ {2}([a-z]+)(?: |$)/gm)].map(([, name = '']) => name);
}

const SCRIPTS = Object.keys(
  (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> })
    .scripts,
);
const OF_NPM = ['ci', 'install', 'link', 'pack'];

/** Commands, options and scripts in a piece of a command line that do not exist. */
async function unknownIn(text: string): Promise<string[]> {
  const unknown: string[] = [];
  for (const [, script = ''] of text.matchAll(/\bnpm (?:run )?(?:--silent )?([a-z]+)/g)) {
    if (![...SCRIPTS, ...OF_NPM].includes(script)) unknown.push(`npm ${script}`);
  }
  for (const [, command = '', rest = ''] of text.matchAll(
    /\btokentide(?: --)? ([a-z]+)((?:(?! > )[^|;&])*)/g,
  )) {
    if (!(await commandsOf('')).includes(command)) {
      unknown.push(`tokentide ${command}`);
      continue;
    }
    const [, sub = ''] = /^ ([a-z]+)/.exec(rest) ?? [];
    const isSub = (await commandsOf(command)).includes(sub);
    const text = await help(isSub ? `${command} ${sub}` : command);
    const options = rest.match(/--[a-z-]+/g) ?? [];
    unknown.push(
      ...options.filter((option) => !text.includes(option)).map((option) => `${command} ${option}`),
    );
  }
  return unknown;
}
