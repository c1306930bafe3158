import { basename, dirname, extname } from 'node:path';
import type { Job } from '../collect/job.ts';
import type { Provider } from '../providers/provider.ts';
import type { Environment } from './environment.ts';
import type { Diagnostic, FieldDiagnostic } from './errors.ts';
import { expand, type Expansion } from './expand.ts';
import { describeIssue, diagnosticsOf, type DiagnosticContext } from './diagnostics.ts';
import { JobFields, jobFileSchema } from './job-schema.ts';
import { isMap, readMapFile, type FileKind } from './map-file.ts';
import { resolveJob, type Resolution } from './resolve-job.ts';
import { suggestion } from './suggest.ts';
import type { Path, Place } from './yaml-file.ts';

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
const JOB_FILE: FileKind = { name: 'a job file', example: 'provider: trae' };

/** Reads and validates one job file. */
export function readJobFile(file: string, sources: JobSources): JobFile {
  const name = basename(file, extname(file));
  const unread = { file, name, locate: () => FIRST_LINE };
  const read = readMapFile(file, JOB_FILE);
  if ('issue' in read) return { ...unread, issues: [read.issue] };
  const { raw, locate } = read;
  const about = { file, name: typeof raw['name'] === 'string' ? raw['name'] : name, locate };
  if (raw['enabled'] === false) return { ...about, off: 'enabled: false', issues: [] };
  const { diagnostics, job, off } = validate(raw, name, dirname(file), sources);
  const issues = diagnostics
    .map(({ path, message, hint }) => ({ file, ...locate(path), message, hint }))
    .toSorted((a, b) => a.line - b.line || a.column - b.column);
  if (issues.length > 0) return { ...about, issues };
  return { ...about, issues, ...(off === undefined ? {} : { off }), ...(job ? { job } : {}) };
}

function validate(
  raw: Readonly<Record<string, unknown>>,
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
