import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FetchError } from '../../src/fetch/errors.ts';
import { formatError } from '../../src/lib/errors.ts';
import { codesOf, page, ROOT, tableOf } from '../support/markdown.ts';

const SRC = join(ROOT, 'src');
const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(SRC, name), 'utf8'));

test('every error class derives from TokentideError and is listed in docs/errors.md', () => {
  const classes = sources.flatMap((text) => [...text.matchAll(/class (\w+) extends TokentideError/g)]);
  const documented = codesOf(tableOf(page('docs/errors.md'), 'error'));

  expect(sources.join('\n').match(/class \w+ extends Error\b/g)).toEqual([
    'class TokentideError extends Error',
  ]);
  expect(documented.toSorted()).toEqual(classes.map(([, name]) => String(name)).toSorted());
});

test('every kind of FetchError is listed in docs/errors.md', () => {
  const source = sources.find((text) => text.includes('type FetchErrorKind ='))!;
  const [, union = ''] = /type FetchErrorKind =(.*?)';\n/s.exec(source) ?? [];
  const kinds = [...`${union}'`.matchAll(/\| '(\w+)'/g)].map(([, kind]) => String(kind));

  expect(codesOf(tableOf(page('docs/errors.md'), 'kind')).toSorted()).toEqual(kinds.toSorted());
});

test('message and hint are printed on separate lines', () => {
  expect(formatError(new FetchError('refused', 'no', { hint: 'first\n  second' }))).toBe(
    'no\n  first\n  second',
  );
});
