import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** A page of the documentation, taken apart. */
export interface Page {
  /** From the project's root: `docs/windows.md`. */
  readonly path: string;
  readonly text: string;
  readonly headings: readonly { readonly level: number; readonly text: string }[];
  /** What stands between fences. */
  readonly blocks: readonly string[];
  /** Inline code, and the lines of shell blocks. */
  readonly commands: readonly string[];
  readonly tables: readonly Table[];
  /** Targets of links, as they are written. */
  readonly links: readonly string[];
}

/** Rows of cells, the titles apart. */
export interface Table {
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Every page there is: those at the root, in docs/ and beside the code. */
export function pages(): Page[] {
  const inFolder = (folder: string, recursive: boolean): string[] =>
    readdirSync(join(ROOT, folder), { recursive, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name));
  return [...inFolder('.', false), ...inFolder('docs', true), ...inFolder('src', true)].map(page);
}

export function page(path: string): Page {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const fences = [...text.matchAll(/^ *```(\w*)\n([\s\S]*?)^ *```$/gm)];
  const prose = text.replaceAll(/^ *```\w*\n[\s\S]*?^ *```$/gm, '');
  const shell = fences
    .filter(([, language]) => language === 'sh')
    .flatMap(([, , block = '']) => block.split('\n'));
  return {
    path,
    text,
    headings: [...prose.matchAll(/^(#+) (.+)$/gm)].map(([, marks = '', title = '']) => ({
      level: marks.length,
      text: title,
    })),
    blocks: fences.map(([, , block = '']) => block),
    commands: [...codeIn(prose), ...shell.map((line) => line.trim()).filter(Boolean)],
    tables: tablesIn(prose),
    links: [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target),
  };
}

/** Texts in backticks. */
export function codeIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replaceAll(/\s+/g, ' '));
}

/** The table of a page whose first title is this one. */
export function tableOf({ path, tables }: Page, title: string): Table {
  const found = tables.find(({ titles }) => titles[0] === title);
  if (!found) throw new Error(`${path} has no table whose first column is "${title}"`);
  return found;
}

/** The texts in backticks in one column of a table. */
export function codesOf({ rows }: Table, column = 0): string[] {
  return rows.flatMap((row) => codeIn(row[column] ?? ''));
}

/** Where a link of a page leads, from the project's root, and the heading there. */
export function targetOf({ path }: Page, link: string): { readonly path: string; readonly anchor?: string } {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? path : relative(ROOT, join(ROOT, dirname(path), file));
  return { path: target, ...(anchor !== undefined && { anchor: decodeURIComponent(anchor) }) };
}

/** A heading as GitHub makes an anchor of it. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');
}

function tablesIn(prose: string): Table[] {
  return [...prose.matchAll(/(?:^ *\|.*\|$\n?)+/gm)].map(([text]) => {
    const [titles = [], , ...rows] = text
      .trim()
      .split('\n')
      .map((line) =>
        line
          .trim()
          .slice(1, -1)
          .split(/(?<!\\)\|/)
          .map((cell) => cell.trim()),
      );
    return { titles, rows };
  });
}
