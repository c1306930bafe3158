import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from '../collect/job.ts';
import { errorCode } from './environment.ts';
import { ConfigError, type Diagnostic } from './errors.ts';
import { readJobFile, type JobFile, type JobSources } from './job-file.ts';
import { suggestion } from './suggest.ts';

const SET = 'set the missing variables in the environment or in .env';

/** A disabled job. */
export interface OffJob {
  readonly name: string;
  readonly file: string;
  readonly reason: string;
}

/** All job files of the folder, sorted by name. */
export interface LoadedJobs {
  readonly jobs: readonly Job[];
  readonly off: readonly OffJob[];
  /** Errors of all files. */
  readonly issues: readonly Diagnostic[];
}

/** Reads every `*.yaml` and `*.yml` of a folder, without sub-folders. */
export function loadJobs(folder: string, sources: JobSources): LoadedJobs {
  const listing = listFiles(folder);
  if (!Array.isArray(listing)) return { jobs: [], off: [], issues: [listing] };
  const files = listing.map((entry) => readJobFile(join(folder, entry), sources));
  const issues = [...files.flatMap((file) => file.issues), ...sameNames(files), ...samePoints(files)];
  return {
    jobs: files.flatMap(({ job }) => job ?? []),
    off: files.flatMap(({ name, file, off }) => (off === undefined ? [] : { name, file, reason: off })),
    issues,
  };
}

/**
 * The named jobs, or all enabled ones. @throws ConfigError if a file has an error, a name is unknown or disabled, or
 * no job is enabled.
 */
export function selectJobs(loaded: LoadedJobs, names: readonly string[] = []): Job[] {
  if (loaded.issues.length > 0) throw new ConfigError(loaded.issues);
  if (names.length === 0) {
    if (loaded.jobs.length > 0) return [...loaded.jobs];
    throw new ConfigError([
      { message: 'no job is enabled', hint: SET },
      ...loaded.off.map((job) => offIssue(job)),
    ]);
  }
  const known = [...loaded.jobs, ...loaded.off].map(({ name }) => name);
  const issues = names.flatMap((name): Diagnostic[] => {
    if (loaded.jobs.some((job) => job.name === name)) return [];
    const off = loaded.off.find((job) => job.name === name);
    return [off ? offIssue(off, SET) : { message: `unknown job "${name}"`, hint: suggestion(name, known) }];
  });
  if (issues.length > 0) throw new ConfigError(issues);
  return loaded.jobs.filter(({ name }) => names.includes(name));
}

function offIssue({ name, file, reason }: OffJob, hint?: string): Diagnostic {
  return {
    file,
    message: `job "${name}" is disabled: ${reason}`,
    hint: reason.endsWith('not set') ? hint : undefined,
  };
}

function listFiles(folder: string): string[] | Diagnostic {
  const hint =
    'tokentide ships a job file per provider in its jobs folder; set another folder with --jobs or TOKENTIDE_JOBS';
  try {
    const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) =>
      /^[^.].*\.ya?ml$/.test(name),
    );
    if (entries.length === 0) return { file: folder, message: 'no job files (*.yaml) in this folder', hint };
    return entries.map(({ name }) => name).toSorted();
  } catch (error) {
    const code = errorCode(error);
    const message = code === 'ENOENT' ? 'job folder not found' : `job folder cannot be read (${code})`;
    return { file: folder, message, hint };
  }
}

function sameNames(files: readonly JobFile[]): Diagnostic[] {
  return files.flatMap((file, index) => {
    const first = files.slice(0, index).find(({ name }) => name === file.name);
    if (!first) return [];
    const message = `duplicate job name "${file.name}": also used by ${first.file}`;
    return [{ file: file.file, ...file.locate(['name']), message, hint: 'rename one of them' }];
  });
}

/** Two jobs that write the same points would overwrite each other. */
function samePoints(files: readonly JobFile[]): Diagnostic[] {
  return files.flatMap((file, index) => {
    const first = files
      .slice(0, index)
      .find((other) => file.job && other.job && collide(file.job, other.job));
    if (!first?.job) return [];
    const { provider, account, bucket } = first.job;
    const message = `writes the same points as ${first.file}: provider ${provider.id}, account ${account}, bucket ${bucket}`;
    const hint = 'give one of them another account, or merge them into one job';
    return [{ file: file.file, ...file.locate(['account']), message, hint }];
  });
}

function collide(a: Job, b: Job): boolean {
  const sameSeries = a.provider.id === b.provider.id && a.account === b.account && a.bucket === b.bucket;
  return sameSeries && a.start < (b.end ?? Infinity) && b.start < (a.end ?? Infinity);
}
