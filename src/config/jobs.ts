import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from '../collect/job.ts';
import { errorCode } from './environment.ts';
import { ConfigError, type Diagnostic } from './errors.ts';
import { readJobFile, type JobFile, type JobSources } from './job-file.ts';
import { suggestion } from './suggest.ts';

const SET = 'set what is missing in the environment or in .env';

/** A job that does not run, and why. */
export interface OffJob {
  readonly name: string;
  readonly file: string;
  readonly reason: string;
}

/** All files of the folder, in the order of their names. */
export interface LoadedJobs {
  readonly jobs: readonly Job[];
  readonly off: readonly OffJob[];
  /** Everything wrong in all files at once. */
  readonly issues: readonly Diagnostic[];
}

/** Reads every `*.yaml` and `*.yml` of a folder; sub-folders are not looked into. */
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
 * The jobs to work on: the named ones, or all that are on. @throws ConfigError where any file has an issue, a name is
 * not known or its job is off, or nothing is on.
 */
export function selectJobs(loaded: LoadedJobs, names: readonly string[] = []): Job[] {
  if (loaded.issues.length > 0) throw new ConfigError(loaded.issues);
  if (names.length === 0) {
    if (loaded.jobs.length > 0) return [...loaded.jobs];
    throw new ConfigError([
      { message: 'no job is on', hint: SET },
      ...loaded.off.map((job) => offIssue(job)),
    ]);
  }
  const known = [...loaded.jobs, ...loaded.off].map(({ name }) => name);
  const issues = names.flatMap((name): Diagnostic[] => {
    if (loaded.jobs.some((job) => job.name === name)) return [];
    const off = loaded.off.find((job) => job.name === name);
    return [
      off ? offIssue(off, SET) : { message: `there is no job "${name}"`, hint: suggestion(name, known) },
    ];
  });
  if (issues.length > 0) throw new ConfigError(issues);
  return loaded.jobs.filter(({ name }) => names.includes(name));
}

function offIssue({ name, file, reason }: OffJob, hint?: string): Diagnostic {
  return {
    file,
    message: `the job "${name}" is off: ${reason}`,
    hint: reason.endsWith('not set') ? hint : undefined,
  };
}

function listFiles(folder: string): string[] | Diagnostic {
  const hint =
    'a ready file for each provider is in the jobs folder of tokentide; name another folder with --jobs or TOKENTIDE_JOBS';
  try {
    const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) =>
      /^[^.].*\.ya?ml$/.test(name),
    );
    if (entries.length === 0)
      return { file: folder, message: 'there are no job files (*.yaml) in this folder', hint };
    return entries.map(({ name }) => name).toSorted();
  } catch (error) {
    const code = errorCode(error);
    const message =
      code === 'ENOENT' ? 'there is no such folder of jobs' : `the folder of jobs cannot be read (${code})`;
    return { file: folder, message, hint };
  }
}

function sameNames(files: readonly JobFile[]): Diagnostic[] {
  return files.flatMap((file, index) => {
    const first = files.slice(0, index).find(({ name }) => name === file.name);
    if (!first) return [];
    const message = `the job of ${first.file} is called "${file.name}" too`;
    return [{ file: file.file, ...file.locate(['name']), message, hint: 'give one of the two another name' }];
  });
}

/** Two jobs for the same points would overwrite each other, and neither could tell what the other has read. */
function samePoints(files: readonly JobFile[]): Diagnostic[] {
  return files.flatMap((file, index) => {
    const first = files
      .slice(0, index)
      .find((other) => file.job && other.job && collide(file.job, other.job));
    if (!first?.job) return [];
    const { provider, account, bucket } = first.job;
    const message = `the job of ${first.file} writes the same points: provider ${provider.id}, account ${account}, bucket ${bucket}`;
    const hint = 'give one of the two another account, or make them one job';
    return [{ file: file.file, ...file.locate(['account']), message, hint }];
  });
}

function collide(a: Job, b: Job): boolean {
  const sameSeries = a.provider.id === b.provider.id && a.account === b.account && a.bucket === b.bucket;
  return sameSeries && a.start < (b.end ?? Infinity) && b.start < (a.end ?? Infinity);
}
