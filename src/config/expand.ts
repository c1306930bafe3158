import { isAbsolute, join } from 'node:path';
import { readSecretFile, readVariable, type Environment, type Variable } from './environment.ts';
import type { FieldDiagnostic } from './errors.ts';
import { alternatives, childrenAt, isSecret, type SchemaNode } from './schema-node.ts';
import type { Path } from './yaml-file.ts';

export interface Sources {
  readonly env: Environment;
  /** Base of relative secret file paths. */
  readonly folder: string;
  /** Prefix of suggested variable names: `trae` gives `TRAE_APP_SECRET`. */
  readonly prefix: string;
}

export interface Expansion {
  readonly value: unknown;
  readonly diagnostics: readonly FieldDiagnostic[];
  /** Referenced variables that are not set. The value keeps the reference. */
  readonly missing: readonly { readonly name: string; readonly path: Path }[];
  /** Referenced variables that are set. */
  readonly present: readonly string[];
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const CONTENT = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/;
const WHOLE = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/;

/**
 * Replaces `${VAR}` and `${VAR:-default}` in all strings (`$${` is a literal `${`), and `{file: path}` where the schema
 * has a secret. A plain-text secret is an error. Keys without a value are omitted.
 */
export function expand(value: unknown, schema: SchemaNode, sources: Sources): Expansion {
  const diagnostics: FieldDiagnostic[] = [];
  const missing: { name: string; path: Path }[] = [];
  const present: string[] = [];

  function walk(node: unknown, schemas: readonly SchemaNode[], path: Path): unknown {
    if (isSecret(schemas)) {
      if (typeof node === 'string') return secretText(node, path);
      if (isFileReference(node)) return secretFile(node.file, path);
    }
    if (typeof node === 'string') return text(node, path);
    if (Array.isArray(node)) {
      return node.map((item: unknown, index) => walk(item, childrenAt(schemas, index), [...path, index]));
    }
    if (typeof node !== 'object' || node === null) return node;
    const given = Object.entries(node).filter(([, child]) => child !== null);
    return Object.fromEntries(
      given.map(([key, child]) => [key, walk(child, childrenAt(schemas, key), [...path, key])]),
    );
  }

  function secretText(raw: string, path: Path): string {
    if (WHOLE.test(raw)) return text(raw, path);
    diagnostics.push({
      path,
      message: `${path.join('.')}: secrets must not be written in this file`,
      hint: secretHint(path, sources.prefix),
    });
    return raw;
  }

  function secretFile(path: string, at: Path): string {
    const from = isAbsolute(path) ? path : join(sources.folder, path);
    return valueOr(path, readSecretFile(from), at);
  }

  function text(raw: string, path: Path): string {
    return raw.replaceAll(REFERENCE, (reference, content?: string, close?: string) => {
      if (content === undefined) return '${';
      const match = close ? CONTENT.exec(content) : undefined;
      if (!match?.[1]) {
        diagnostics.push({
          path,
          message: `${path.join('.')}: invalid variable reference after "\${"`,
          hint: 'write ${NAME} or ${NAME:-default}, or $${ for a literal ${',
        });
        return reference;
      }
      return variable(match[1], match[2], reference, path);
    });
  }

  function variable(name: string, fallback: string | undefined, reference: string, path: Path): string {
    const found = readVariable(sources.env, name);
    if (found.value === undefined && found.problem === undefined) {
      if (fallback !== undefined) return fallback;
      missing.push({ name, path });
      return reference;
    }
    if (fallback === undefined) present.push(name);
    return valueOr(reference, found, path);
  }

  function valueOr(substitute: string, found: Variable, path: Path): string {
    if (found.problem === undefined) return found.value ?? substitute;
    diagnostics.push({
      path,
      message: `${path.join('.')}: ${found.problem}`,
      hint: 'check the path and its permissions',
    });
    return substitute;
  }

  return { value: walk(value, alternatives(schema), []), diagnostics, missing, present };
}

/** How to provide a secret, with a suggested variable name. */
export function secretHint(path: Path, prefix: string): string {
  const key = String(path.at(-1));
  const words = path[0] === 'options' ? [prefix, ...path.slice(1)] : ['tokentide', ...path];
  const name = words
    .join('_')
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, '_');
  return `write ${key}: \${${name}} and set ${name} in the environment or in .env, or write ${key}: {file: /run/secrets/${name.toLowerCase()}}`;
}

function isFileReference(node: unknown): node is { file: string } {
  return typeof node === 'object' && node !== null && 'file' in node && typeof node.file === 'string';
}
