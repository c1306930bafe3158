import { basename, dirname, extname } from 'node:path';
import type { Job } from '../collect/job.ts';
import type { Provider } from '../providers/provider.ts';
import { readTextFile, type Environment } from './environment.ts';
import type { Diagnostic, FieldDiagnostic } from './errors.ts';
import { expand, type Expansion } from './expand.ts';
import { describeIssue, diagnosticsOf, type DiagnosticContext } from './diagnostics.ts';
import { JobFields, jobFileSchema } from './job-schema.ts';
import { resolveJob, type Resolution } from './resolve-job.ts';
import { suggestion } from './suggest.ts';
import { parseYaml, type Path, type Place } from './yaml-file.ts';

/** Result of one job file: an enabled job, a disabled one, or errors. */
export interface JobFile {
  /** Path as given by the user: `jobs/trae.yaml`. */
  readonly file: string;
  readonly name: string;
  readonly job?: Job;
  /** Why the job is disabled. */
  readonly off?: string;
  readonly issues: readonly Diagnostic[];
  /** Position of a key, for errors that concern several files. */
  readonly locate: (path: Path) => Place;
}

export interface JobSources {
  readonly env: Environment;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly providers: readonly Provider[];
}

const FIRST_LINE: Place = { line: 1, column: 1 };

/** Reads and validates one job file. */
export function readJobFile(file: string, sources: JobSources): JobFile {
  const name = basename(file, extname(file));
  const unread = { file, name, locate: () => FIRST_LINE };
  const read = readTextFile(file);
  if ('problem' in read) {
    const hint = read.problem === 'EISDIR' ? 'it is a folder; rename it' : 'check its permissions';
    return { ...unread, issues: [{ file, message: `cannot be read (${read.problem})`, hint }] };
  }
  const yaml = parseYaml(read.text);
  if ('issue' in yaml) return { ...unread, issues: [{ file, ...yaml.issue }] };
  const raw = yaml.value;
  if (!isMap(raw)) {
    const message = raw === null ? 'the file is empty' : 'a job file is a map of keys and values';
    const hint = 'a job file needs at least a line such as "provider: trae"';
    return { ...unread, issues: [{ file, ...FIRST_LINE, message, hint }] };
  }
  const about = { file, name: typeof raw['name'] === 'string' ? raw['name'] : name, locate: yaml.locate };
  if (raw['enabled'] === false) return { ...about, off: 'enabled: false', issues: [] };
  const { diagnostics, job, off } = validate(raw, name, dirname(file), sources);
  const issues = diagnostics
    .map(({ path, message, hint }) => ({ file, ...yaml.locate(path), message, hint }))
    .toSorted((a, b) => a.line - b.line || a.column - b.column);
  if (issues.length > 0) return { ...about, issues };
  return { ...about, issues, ...(off === undefined ? {} : { off }), ...(job ? { job } : {}) };
}

function validate(
  raw: Record<string, unknown>,
  name: string,
  folder: string,
  sources: JobSources,
): Resolution {
  const ids = sources.providers.map(({ id }) => id);
  const { env } = sources;
  const id = expand(raw['provider'], {}, { env, folder, prefix: '' }).value;
  const provider = sources.providers.find((known) => known.id === id);
  const schema = jobFileSchema(provider, ids);
  const prefix = provider?.id ?? 'tokentide';
  const expansion = expand(raw, schema, { env, folder, prefix });
  const value: Record<string, unknown> = { name, ...(expansion.value as Record<string, unknown>) };
  const reading: DiagnosticContext = { schema, raw, prefix, at: [] };

  const fields = JobFields.safeParse(value, { error: describeIssue });
  const given = value['options'] ?? {};
  const options = isMap(given) ? provider?.options.safeParse(given, { error: describeIssue }) : undefined;
  const now = Math.floor(sources.now() / 1000);
  const resolution: Resolution =
    fields.success && provider
      ? resolveJob(fields.data, { provider, options: options?.data, now, folder })
      : { diagnostics: [] };

  const diagnostics = [
    ...(typeof id === 'string' && !provider ? [unknownProvider(String(raw['provider']), ids)] : []),
    ...diagnosticsOf(fields.error?.issues ?? [], reading),
    ...diagnosticsOf(options?.error?.issues ?? [], { ...reading, at: ['options'] }),
    ...resolution.diagnostics,
  ].filter(({ path }) => !isUnknown(path, expansion));
  diagnostics.push(...expansion.diagnostics, ...halfSet(expansion));
  if (expansion.missing.length > 0) return { diagnostics, off: notSet(expansion) };
  return { ...resolution, diagnostics };
}

function unknownProvider(given: string, ids: readonly string[]): FieldDiagnostic {
  return { path: ['provider'], message: `unknown provider "${given}"`, hint: suggestion(given, ids) };
}

/** A value with an unset variable cannot be validated. */
function isUnknown(path: Path, { missing }: Expansion): boolean {
  return missing.some((variable) => variable.path.every((key, index) => path[index] === key));
}

/** A job without any of its variables is disabled; with only some of them it is an error. */
function halfSet({ missing, present }: Expansion): FieldDiagnostic[] {
  if (present.length === 0) return [];
  const others = [...new Set(present)].join(', ');
  return missing.map(({ name, path }) => ({
    path,
    message: `${name} is not set, but ${others} is`,
    hint: `set ${name} in the environment or in .env, or disable the job with "enabled: false"`,
  }));
}

function notSet({ missing }: Expansion): string {
  const names = [...new Set(missing.map(({ name }) => name))];
  return `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} not set`;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
