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

/** A job whose file has errors, alone or together with another file. */
export interface BrokenJob {
  readonly name: string;
  readonly file: string;
  readonly error: ConfigError;
}

/** All job files of the folder, sorted by name. */
export interface LoadedJobs {
  /** Enabled jobs without errors. */
  readonly jobs: readonly Job[];
  readonly off: readonly OffJob[];
  readonly broken: readonly BrokenJob[];
  /** Errors of all files and of the folder itself. */
  readonly issues: readonly Diagnostic[];
}

/** Reads every `*.yaml` and `*.yml` of a folder, without sub-folders. */
export function loadJobs(folder: string, sources: JobSources): LoadedJobs {
  const listing = listFiles(folder);
  if (!Array.isArray(listing)) return { jobs: [], off: [], broken: [], issues: [listing] };
  const files = listing.map((entry) => readJobFile(join(folder, entry), sources));
  const faults = [
    ...files.flatMap((file) => file.issues.map((issue) => ({ files: [file], issue }))),
    ...conflicts(files, (a, b) => a.name === b.name, duplicateName),
    ...conflicts(files, collide, samePoints),
  ];
  const broken = files.flatMap(({ name, file }) => {
    const issues = faults.filter(({ files: of }) => of.some((other) => other.file === file));
    return issues.length === 0
      ? []
      : [{ name, file, error: new ConfigError(issues.map(({ issue }) => issue)) }];
  });
  const sound = files.filter(({ file }) => !broken.some((other) => other.file === file));
  return {
    jobs: sound.flatMap(({ job }) => job ?? []),
    off: sound.flatMap(({ name, file, off }) => (off === undefined ? [] : { name, file, reason: off })),
    broken,
    issues: faults.map(({ issue }) => issue),
  };
}

/**
 * The named jobs, whatever other files contain; without names all jobs, if every file is valid.
 * @throws ConfigError if a name is unknown, disabled or broken, if no job is enabled, or without names for any error
 */
export function selectJobs(loaded: LoadedJobs, names: readonly string[] = []): Job[] {
  if (names.length > 0) return namedJobs(loaded, names);
  if (loaded.issues.length > 0) throw new ConfigError(loaded.issues);
  return soundJobs(loaded);
}

/** All enabled jobs without errors. @throws ConfigError if there are none */
export function soundJobs(loaded: LoadedJobs): Job[] {
  if (loaded.jobs.length > 0) return [...loaded.jobs];
  if (loaded.issues.length > 0) throw new ConfigError(loaded.issues);
  throw new ConfigError([
    { message: 'no job is enabled', hint: SET },
    ...loaded.off.map((job) => offIssue(job)),
  ]);
}

function namedJobs({ jobs, off, broken, issues }: LoadedJobs, names: readonly string[]): Job[] {
  if (jobs.length + off.length + broken.length === 0) throw new ConfigError(issues);
  const known = [...new Set([...jobs, ...off, ...broken].map(({ name }) => name))];
  const wrong = names.flatMap((name): readonly Diagnostic[] => {
    if (jobs.some((job) => job.name === name)) return [];
    const fault = broken.find((job) => job.name === name);
    if (fault) return fault.error.issues;
    const disabled = off.find((job) => job.name === name);
    if (disabled) return [offIssue(disabled, SET)];
    return [{ message: `unknown job "${name}"`, hint: suggestion(name, known) }];
  });
  if (wrong.length > 0) throw new ConfigError(wrong);
  return jobs.filter(({ name }) => names.includes(name));
}

function offIssue({ name, file, reason }: OffJob, hint?: string): Diagnostic {
  return {
    file,
    message: `the job "${name}" is disabled: ${reason}`,
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

type Conflict = (file: JobFile, first: JobFile) => Pick<Diagnostic, 'message' | 'hint'> & { key: string };

/** One error per file that conflicts with an earlier one. Both files are broken: neither is known to be the right one. */
function conflicts(
  files: readonly JobFile[],
  clash: (a: JobFile, b: JobFile) => boolean,
  describe: Conflict,
): { files: JobFile[]; issue: Diagnostic }[] {
  return files.flatMap((file, index) => {
    const first = files.slice(0, index).find((other) => clash(file, other));
    if (!first) return [];
    const { key, ...text } = describe(file, first);
    return [{ files: [first, file], issue: { file: file.file, ...file.locate([key]), ...text } }];
  });
}

function duplicateName({ name }: JobFile, { file }: JobFile): ReturnType<Conflict> {
  return {
    key: 'name',
    message: `duplicate job name "${name}": also used by ${file}`,
    hint: 'rename one of them',
  };
}

/** Two jobs that write the same points would overwrite each other. */
function samePoints({ job }: JobFile, { file }: JobFile): ReturnType<Conflict> {
  const of = job ? `provider ${job.provider.id}, account ${job.account}, bucket ${job.bucket}` : '';
  const hint = 'give one of them another account, or merge them into one job';
  return { key: 'account', message: `writes the same points as ${file}: ${of}`, hint };
}

function collide({ job: a }: JobFile, { job: b }: JobFile): boolean {
  if (!a || !b) return false;
  const sameSeries = a.provider.id === b.provider.id && a.account === b.account && a.bucket === b.bucket;
  return sameSeries && a.start < (b.end ?? Infinity) && b.start < (a.end ?? Infinity);
}
