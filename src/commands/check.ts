import { jobChange } from '../collect/jobs/identity.ts';
import type { Job } from '../collect/job.ts';
import { createRuntime, openLedgerFile, openStore } from '../runtime.ts';
import { formatIssue } from '../config/errors.ts';
import { selectJobs } from '../config/jobs.ts';
import { FetchError } from '../fetch/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Partition, Source } from '../providers/provider.ts';
import { StoreError, type Store } from '../store/store.ts';
import { bucketStart, wallTime } from '../windows/calendar.ts';
import type { CommandContext } from './context.ts';
import { EXIT, formatJson } from './output.ts';

export interface CheckArguments {
  /** Job names; empty for all jobs. */
  readonly jobs: readonly string[];
  readonly json: boolean;
}

/** Ledger, providers and store; replaced in tests. */
export interface CheckAccess {
  readonly ledger: Ledger;
  readonly openSource: (job: Job) => Source;
  readonly openStore: () => Promise<Store>;
  readonly close: () => Promise<void>;
}

/** One entry of the report. */
interface Checked {
  readonly name: string;
  readonly state: 'ok' | 'off' | 'failed' | 'changed';
  readonly detail: string;
  readonly hint?: string;
  readonly warnings: readonly string[];
}

/** Time limit for the calls of one job, retries included. */
const PATIENCE_MS = 60_000;
const SECONDS = 1000;

/** `tokentide check`: validates the configuration, makes one cheap call per job, and writes to the store. */
export async function checkCommand(
  context: CommandContext,
  { jobs: names, json }: CheckArguments,
  openAccess: (context: CommandContext) => Promise<CheckAccess> = openForReal,
): Promise<number> {
  const loaded = context.loadJobs();
  const jobs = names.length > 0 ? selectJobs(loaded, names) : loaded.jobs;
  const off = names.length > 0 ? [] : loaded.off;
  const access = await openAccess(context);
  try {
    const [store, opened] = await checkStore(access);
    const checked = await Promise.all(jobs.map((job) => checkJob(job, access, opened, context)));
    await opened?.close();
    const silent = off.map(
      ({ name, reason }) => ({ name, state: 'off', detail: reason, warnings: [] }) as const,
    );
    const report: Checked[] = [...checked, ...silent];
    if (json) context.out(formatJson({ issues: loaded.issues, jobs: report, store }));
    else {
      for (const issue of loaded.issues) context.err(`${formatIssue(issue)}\n`);
      context.out([...report, store].map(format).join(''));
    }
    const states = new Set([...checked, store].map(({ state }) => state));
    const unfit = loaded.issues.length > 0 || jobs.length === 0 || store.state === 'failed';
    if (unfit || states.has('changed')) return EXIT.wrongUse;
    return states.has('failed') ? EXIT.failed : EXIT.fine;
  } finally {
    await access.close();
  }
}

async function openForReal({ settings, now, pid }: CommandContext): Promise<CheckAccess> {
  const ledger = openLedgerFile(settings);
  const memory = await createRuntime({ settings, role: 'check', pid, now, inMemory: true });
  return {
    ledger,
    openSource: (job) => memory.source(job),
    openStore: () => openStore({ settings, now }),
    close: async () => {
      await memory.close();
      ledger.close();
    },
  };
}

async function checkStore({ openStore }: CheckAccess): Promise<[Checked, Store?]> {
  try {
    const store = await openStore();
    return [{ name: 'store', state: 'ok', detail: store.description, warnings: await store.check() }, store];
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return [problem('store', 'failed', error.message, error.hint)];
  }
}

async function checkJob(
  job: Job,
  access: CheckAccess,
  store: Store | undefined,
  context: CommandContext,
): Promise<Checked> {
  const change = store && jobChange(access.ledger, job, store);
  if (change) return problem(job.name, 'changed', change.message, change.hint);
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const signal = AbortSignal.any([context.signal, patience]);
  try {
    const source = access.openSource(job);
    const partitions = await source.partitions(signal);
    const detail = await readOne(job, source, partitions, access.ledger, context.now() / SECONDS, signal);
    return { name: job.name, state: 'ok', detail, warnings: warnings(job, source, access.ledger) };
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    context.signal.throwIfAborted();
    const detail = patience.aborted
      ? `no answer within ${PATIENCE_MS / SECONDS} s`
      : `${error.kind}: ${error.message}`;
    return problem(job.name, 'failed', detail, error.hint);
  }
}

/** Reads the newest closed bucket of the first partition. @returns what was found */
async function readOne(
  job: Job,
  source: Source,
  partitions: readonly Partition[],
  ledger: Ledger,
  now: number,
  signal: AbortSignal,
): Promise<string> {
  const [first] = partitions;
  if (!first) return 'no partitions found';
  const { bucket, zone } = job;
  const end = bucketStart(Math.min(now, job.end ?? now), bucket, zone);
  const window = { start: bucketStart(end - 1, bucket, zone), end };
  const rangeEnd = ledger.jobs.of(job.name)?.rangeEnd;
  const request = { window, bucket, zone, partitions: [first], signal, ...(rangeEnd && { rangeEnd }) };
  const { records } = await source.read(request);
  const span = `${wallTime(window.start, zone)} to ${wallTime(end, zone)} ${zone}`;
  return `${partitions.length} partitions; ${first.id}: ${records.length} series in ${span}`;
}

function warnings(job: Job, source: Source, ledger: Ledger): string[] {
  const rangeEnd = ledger.jobs.of(job.name)?.rangeEnd;
  return [
    ...(source.warnings?.() ?? []),
    ...(rangeEnd ? [`The provider treats the end of a range as ${rangeEnd} (detected).`] : []),
  ];
}

function problem(
  name: string,
  state: 'failed' | 'changed',
  detail: string,
  hint: string | undefined,
): Checked {
  return { name, state, detail, warnings: [], ...(hint !== undefined && { hint }) };
}

function format({ name, state, detail, hint, warnings }: Checked): string {
  const below = [...(hint?.split('\n') ?? []), ...warnings].map((text) => `          ${text}\n`);
  return `${state.padEnd(8)} ${name}: ${detail}\n${below.join('')}`;
}
