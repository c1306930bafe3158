import { readTextFile } from './environment.ts';
import type { Diagnostic } from './errors.ts';
import { parseYaml, type YamlFile } from './yaml-file.ts';

/** What a file is, for messages: `a job file`, and a line that it needs; without one it may be empty. */
export interface FileKind {
  readonly name: string;
  readonly example?: string;
}

export interface MapFile {
  readonly raw: Readonly<Record<string, unknown>>;
  readonly locate: YamlFile['locate'];
}

/** Reads a YAML file that is a map of keys and values. */
export function readMapFile(
  file: string,
  { name, example }: FileKind,
): MapFile | { readonly issue: Diagnostic } {
  const read = readTextFile(file);
  if ('problem' in read) {
    const hint = read.problem === 'EISDIR' ? 'it is a folder; rename it' : 'check its permissions';
    return { issue: { file, message: `cannot be read (${read.problem})`, hint } };
  }
  const yaml = parseYaml(read.text);
  if ('issue' in yaml) return { issue: { file, ...yaml.issue } };
  const { locate, value } = yaml;
  if (isMap(value)) return { raw: value, locate };
  if (value === null && example === undefined) return { raw: {}, locate };
  const message = value === null ? 'the file is empty' : `${name} is a map of keys and values`;
  const hint = example === undefined ? undefined : `${name} needs at least a line such as "${example}"`;
  return { issue: { file, line: 1, column: 1, message, hint } };
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
