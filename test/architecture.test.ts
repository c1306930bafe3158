import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it, test } from 'vitest';
import { codesOf, page, ROOT, tableOf } from './support/markdown.ts';

const SRC = join(ROOT, 'src');
const FOLDERS = readdirSync(SRC).filter((name) => statSync(join(SRC, name)).isDirectory());

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(join(SRC, name), 'utf8') }));

/** What the files of a folder import from other folders of src. */
function importsOf(folder: string): string[] {
  const targets = sources
    .filter(({ name }) => name.startsWith(`${folder}/`))
    .flatMap(({ name, text }) =>
      [...text.matchAll(/(?:from|import\() ?'(\.[^']+)'/g)].map(([, path = '']) =>
        relative(SRC, join(SRC, dirname(name), path)),
      ),
    );
  const folders = targets.map((target) => target.split('/')[0] ?? '');
  return [...new Set(folders)].filter((name) => name !== folder && FOLDERS.includes(name)).toSorted();
}

test('every folder imports what docs/architecture.md says, and nothing else', () => {
  const table = tableOf(page('docs/architecture.md'), 'folder');
  const commands = table.rows.at(-1)!;

  const stages = table.rows.slice(0, -1).map((row) => {
    const [folder = ''] = codesOf({ ...table, rows: [row] });
    return { folder, imports: codesOf({ ...table, rows: [row] }, 2) };
  });

  expect([...stages.map(({ folder }) => folder), 'commands'].toSorted()).toEqual(FOLDERS.toSorted());
  expect(commands).toEqual(['`commands`', expect.anything(), 'all of these']);
  for (const { folder, imports } of stages) {
    expect({ folder, imports: importsOf(folder) }).toEqual({ folder, imports: imports.toSorted() });
  }
});

test('no folder imports another in a circle', () => {
  const seen = new Set<string>();
  const visit = (folder: string, above: readonly string[]): void => {
    expect(above, `${above.join(' -> ')} -> ${folder}`).not.toContain(folder);
    if (seen.has(folder)) return;
    for (const next of importsOf(folder)) visit(next, [...above, folder]);
    seen.add(folder);
  };

  for (const folder of FOLDERS) visit(folder, []);
});

it.each<[string, RegExp, string[]]>([
  ['the process and its environment', /\bprocess\.(?!emitWarning)/, ['cli.ts']],
  ['the clock', /\bDate\.now\(|new Date\(\)/, ['commands/context.ts']],
  [
    'the network',
    /(?<!typeof )globalThis\.fetch/,
    ['commands/notify.ts', 'notifier.ts', 'runtime.ts', 'store/influxdb.ts'],
  ],
])('nobody but the composition root touches %s', (_, pattern, allowed) => {
  const found = sources.filter(({ text }) => pattern.test(withoutComments(text))).map(({ name }) => name);

  expect(found.filter((name) => !allowed.includes(name))).toEqual([]);
});

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
}
