import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError } from './errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Variable {
  /** Absent where the variable is not set; an empty one counts as not set. */
  readonly value?: string;
  /** Why its file could not be read. */
  readonly problem?: string;
}

/** A variable's value, or the content of the file that `<NAME>_FILE` points to (the way Docker hands over secrets). */
export function readVariable(env: Environment, name: string): Variable {
  const value = env[name];
  if (value) return { value };
  const path = env[`${name}_FILE`];
  return path ? readSecretFile(path, ` of ${name}_FILE`) : {};
}

/** The text of a file without the line end that editors add. `of` names in messages what pointed to the file. */
export function readSecretFile(path: string, of = ''): Variable {
  const read = readTextFile(path);
  if ('problem' in read) return { problem: `the file${of} cannot be read: ${path} (${read.problem})` };
  const value = read.text.trim();
  return value ? { value } : { problem: `the file${of} is empty: ${path}` };
}

/**
 * The environment completed with the variables of a `.env` file; the environment wins. Without `file` it is
 * `.env` in `folder`, which need not exist. @throws ConfigError
 */
export function withEnvFile(env: Environment, folder: string, file?: string): Environment {
  const path = file ?? join(folder, '.env');
  const read = readTextFile(path);
  if ('text' in read) return { ...parseEnv(read.text), ...env };
  if (file === undefined && read.problem === 'ENOENT') return env;
  const hint = 'check the path and its permissions';
  throw new ConfigError([{ file: path, message: `cannot be read (${read.problem})`, hint }]);
}

/** A file's text, or the system's word for what is in the way: `ENOENT`, `EACCES`. */
export function readTextFile(path: string): { readonly text: string } | { readonly problem: string } {
  try {
    return { text: readFileSync(path, 'utf8') };
  } catch (error) {
    return { problem: errorCode(error) };
  }
}

/** `ENOENT`, `EACCES` and the like, for messages. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
