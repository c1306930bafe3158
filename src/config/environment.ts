import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError } from './errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Variable {
  /** Absent if the variable is unset or empty. */
  readonly value?: string;
  /** Why its file cannot be read. */
  readonly problem?: string;
}

/** A variable's value, or the content of the file named by `<NAME>_FILE` (Docker secrets). */
export function readVariable(env: Environment, name: string): Variable {
  const value = env[name];
  if (value) return { value };
  const path = env[`${name}_FILE`];
  return path ? readSecretFile(path, ` of ${name}_FILE`) : {};
}

/** The trimmed content of a file. `of` is the part of the message that names the origin of the path. */
export function readSecretFile(path: string, of = ''): Variable {
  const read = readTextFile(path);
  if ('problem' in read) return { problem: `the file${of} cannot be read: ${path} (${read.problem})` };
  const value = read.text.trim();
  return value ? { value } : { problem: `the file${of} is empty: ${path}` };
}

/**
 * Adds the variables of a `.env` file; the environment takes precedence. Without `file`, `.env` in `folder` is read
 * if it exists. @throws ConfigError
 */
export function withEnvFile(env: Environment, folder: string, file?: string): Environment {
  const path = file ?? join(folder, '.env');
  const read = readTextFile(path);
  if ('text' in read) return { ...parseEnv(read.text), ...env };
  if (file === undefined && read.problem === 'ENOENT') return env;
  const hint = 'check the path and its permissions';
  throw new ConfigError([{ file: path, message: `cannot be read (${read.problem})`, hint }]);
}

/** A file's text, or the system's error code: `ENOENT`, `EACCES`. */
export function readTextFile(path: string): { readonly text: string } | { readonly problem: string } {
  try {
    return { text: readFileSync(path, 'utf8') };
  } catch (error) {
    return { problem: errorCode(error) };
  }
}

/** The system's error code, for messages. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
