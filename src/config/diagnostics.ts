import type { z } from 'zod';
import type { FieldDiagnostic } from './errors.ts';
import { secretHint } from './expand.ts';
import { isSecret, knownKeys, knownValues, nodesAt, type SchemaNode } from './schema-node.ts';
import { closest, suggestion } from './suggest.ts';
import type { Path } from './yaml-file.ts';

/** Context for messages and hints. */
export interface DiagnosticContext {
  readonly schema: SchemaNode;
  /** The value before variables are replaced: the only text that messages may quote. */
  readonly raw: unknown;
  readonly prefix: string;
  /** Path of the checked value in the file. */
  readonly at: Path;
}

type Issue = z.core.$ZodIssue;

const NO_ALTERNATIVE = 'matches none of the allowed forms';

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

/** Messages for zod's issues; none of them quotes the value. For `safeParse(value, { error })`. */
export function describeIssue(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing';
      if (issue.expected === 'string' && typeof issue.input !== 'object')
        return 'must be text: put it in quotes';
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${(issue.values as unknown[]).map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'too_small':
      return issue.origin === 'number' ? `must be at least ${issue.minimum}` : 'is too short or empty';
    case 'too_big':
      return issue.origin === 'number' ? `must be at most ${issue.maximum}` : 'is too long';
    case 'invalid_format':
      if (issue.format === 'url') return 'must be a URL such as https://example.com';
      return issue.format === 'regex'
        ? 'contains characters that are not allowed'
        : `must be a valid ${issue.format}`;
    case 'invalid_union':
      return NO_ALTERNATIVE;
    default:
      return 'is not valid';
  }
}

/** zod's issues as diagnostics, one per unknown key, with a suggestion. */
export function diagnosticsOf(issues: readonly Issue[], reading: DiagnosticContext): FieldDiagnostic[] {
  return issues.flatMap(unfold).flatMap((issue) => {
    const path = [...reading.at, ...issue.path];
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, reading));
    return [{ path, message: `${path.join('.')}: ${issue.message}`, hint: hintFor(issue, path, reading) }];
  });
}

function unknownKey(path: Path, key: string, reading: DiagnosticContext): FieldDiagnostic {
  const kind = path.length === 0 ? 'key' : 'option';
  const known = knownKeys(nodesAt(reading.schema, path));
  return { path: [...path, key], message: `unknown ${kind} "${key}"`, hint: suggestion(key, known) };
}

function hintFor(issue: Issue, path: Path, reading: DiagnosticContext): string | undefined {
  const nodes = nodesAt(reading.schema, path);
  if (isSecret(nodes)) return issue.code === 'custom' ? undefined : secretHint(path, reading.prefix);
  const raw = path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    reading.raw,
  );
  const description = nodes.find((node) => node.description)?.description;
  const values = knownValues(nodes);
  if (raw === undefined && values.length > 0) return suggestion('', values);
  if (typeof raw !== 'string') return description;
  if (issue.code === 'invalid_type' && raw.includes('${'))
    return 'a ${VARIABLE} gives text; write the value itself';
  return closest(raw, values) === undefined ? description : suggestion(raw, values);
}

/** Replaces a union's issue by the issues of its closest alternative, and that of a key by its reasons. */
function unfold(issue: Issue): Issue[] {
  if (issue.code === 'invalid_key') return issue.issues.map((inner) => ({ ...inner, path: issue.path }));
  if (issue.code !== 'invalid_union' || issue.message !== NO_ALTERNATIVE) return [issue];
  const branches = issue.errors.map((branch) => branch.flatMap(unfold));
  const deepest = branches.find((branch) => branch.some(({ path }) => path.length > 0));
  if (deepest) return deepest.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
  const texts = branches.flatMap((branch) => branch.map(({ message }) => message.replace(/^must be /, '')));
  if (texts.length === 0) return [issue];
  return [{ code: 'custom', path: issue.path, message: `must be ${[...new Set(texts)].join(' or ')}` }];
}
