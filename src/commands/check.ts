import { setMaxListeners } from 'node:events';
import { jobChange } from '../collect/jobs/identity.ts';
import type { Job } from '../collect/job.ts';
import { createRuntime, openLedgerFile, openStore } from '../runtime.ts';
import { alertsIssues } from '../config/alerts-file.ts';
import { selectJobs } from '../config/jobs.ts';
import { droppedRows } from '../collect/poll/dropped.ts';
import { losesRows, LOSES_ROWS } from '../collect/status/dropped.ts';
import { FetchError } from '../fetch/errors.ts';
import { displayText } from '../lib/display-text.ts';
import type { Gap } from '../ledger/gaps.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { DropReason, Partition, Source } from '../providers/provider.ts';
import { StoreError, type Store } from '../store/store.ts';
import { bucketStart } from '../windows/calendar.ts';
import type { Window } from '../windows/window.ts';
import type { CommandContext } from './context.ts';
import { EXIT, explainError, formatDropped, formatJson, formatWindow, printIssues } from './output.ts';

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
const TIMEOUT_MS = 60_000;
/** Partitions of one job that are read, spread over its batches. */
const SAMPLES = 3;
/** Partitions with an open gap that are read besides. */
const GAP_SAMPLES = 3;

/** `tokentide check`: validates the configuration, makes a few cheap calls per job, and writes to the store. */
export async function checkCommand(
  context: CommandContext,
  { jobs: names, json }: CheckArguments,
  openAccess: (context: CommandContext) => Promise<CheckAccess> = openForReal,
): Promise<number> {
  const loaded = context.loadJobs();
  const jobs = names.length > 0 ? selectJobs(loaded, names) : loaded.jobs;
  const off = names.length > 0 ? [] : loaded.off;
  const issues = names.length > 0 ? [] : [...loaded.issues, ...alertsIssues(context.settings, context.env)];
  const access = await openAccess(context);
  try {
    const [store, opened] = await checkStore(access);
    const checked = await Promise.all(jobs.map((job) => checkJob(job, access, opened, context)));
    await opened?.close();
    context.signal.throwIfAborted();
    const disabled = off.map(
      ({ name, reason }) => ({ name, state: 'off', detail: reason, warnings: [] }) as const,
    );
    const report: Checked[] = [...checked, ...disabled];
    if (json) context.out(formatJson({ issues, jobs: report, store }));
    else {
      printIssues(issues, context.err);
      context.out([...report, store].map(format).join(''));
    }
    const states = new Set([...checked, store].map(({ state }) => state));
    const unfit = issues.length > 0 || jobs.length === 0 || store.state === 'failed';
    if (unfit || states.has('changed')) return EXIT.usageError;
    return states.has('failed') ? EXIT.failed : EXIT.success;
  } finally {
    await access.close();
  }
}

async function openForReal({ settings, now, pid }: CommandContext): Promise<CheckAccess> {
  const ledger = openLedgerFile(settings);
  // The calls count against the rate limit that a running daemon obeys.
  const { rateLimiter } = ledger;
  const memory = await createRuntime({ settings, role: 'check', pid, now, inMemory: true, rateLimiter });
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
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = AbortSignal.any([context.signal, timeout]);
  setMaxListeners(0, signal);
  try {
    const source = access.openSource(job);
    const partitions = await source.partitions(signal);
    const sample = await readSample(job, source, partitions, access.ledger, context.now() / 1000, signal);
    return {
      ...judge(job, partitions, sample, access.ledger),
      warnings: warnings(job, source, access.ledger, sample),
    };
  } catch (error) {
    const { error: detail, hint } = timeout.aborted
      ? { error: `no answer within ${TIMEOUT_MS / 1000} s`, hint: undefined }
      : explainError(error);
    return problem(job.name, 'failed', detail, hint);
  }
}

/** What was read of some partitions for one window. */
interface Sample {
  readonly window: Window;
  readonly read: readonly { readonly id: string; readonly series: number; readonly error?: FetchError }[];
  readonly dropped: Partial<Record<DropReason, number>>;
}

/** Reads the newest closed bucket of a few partitions, among them some with open gaps, each with a call of its own. */
async function readSample(
  { name, bucket, zone, end: jobEnd }: Job,
  source: Source,
  partitions: readonly Partition[],
  ledger: Ledger,
  now: number,
  signal: AbortSignal,
): Promise<Sample> {
  const end = bucketStart(Math.min(now, jobEnd ?? now), bucket, zone);
  const window = { start: bucketStart(end - 1, bucket, zone), end };
  const rangeEnd = ledger.jobs.of(name)?.rangeEnd;
  const request = { window, bucket, zone, signal, ...(rangeEnd && { rangeEnd }) };
  const read: { id: string; series: number; error?: FetchError }[] = [];
  const dropped: Partial<Record<DropReason, number>> = {};
  for (const partition of sampleOf(partitions, ledger.gaps.openOf(name))) {
    const { id } = partition;
    try {
      const result = await source.read({ ...request, partitions: [partition] });
      read.push({ id, series: result.records.length });
      for (const [reason, rows] of Object.entries(result.dropped ?? {}) as [DropReason, number][])
        dropped[reason] = (dropped[reason] ?? 0) + rows;
    } catch (error) {
      if (!(error instanceof FetchError) || error.kind === 'cancelled' || error.kind === 'credentials')
        throw error;
      read.push({ id, series: 0, error });
    }
  }
  return { window, read, dropped };
}

/** A few partitions, and a few of those that could not be read before, in the order of the listing. */
function sampleOf(partitions: readonly Partition[], gaps: readonly Gap[]): Partition[] {
  const broken = new Set(gaps.map(({ partition }) => partition));
  const withGap = partitions.filter(({ id }) => broken.has(id));
  const sample = new Set([...spread(partitions, SAMPLES), ...spread(withGap, GAP_SAMPLES)]);
  return partitions.filter((partition) => sample.has(partition));
}

/** Up to `count` items from the first to the last, evenly spread. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))]!);
}

/** `3 partitions; key:a: 12 series, key:b: 3 series in 2026-11-24 08:00-09:00 Asia/Shanghai` */
function judge(
  { name, zone }: Job,
  partitions: readonly Partition[],
  { window, read }: Sample,
  ledger: Ledger,
): Pick<Checked, 'name' | 'state' | 'detail' | 'hint'> {
  const count = `${partitions.length} partition${partitions.length === 1 ? '' : 's'}`;
  const broken = read.find(({ error }) => error);
  if (broken?.error) {
    const { error } = broken;
    const detail = `${count}; ${broken.id}: ${error.kind}: ${error.message}`;
    return { name, state: 'failed', detail, ...(error.hint !== undefined && { hint: error.hint }) };
  }
  if (losesRows(droppedRows(ledger, name))) return { name, state: 'failed', detail: LOSES_ROWS };
  if (read.length === 0) return { name, state: 'ok', detail: 'no partitions found' };
  const found = read.map(({ id, series }) => `${id}: ${series} series`).join(', ');
  return { name, state: 'ok', detail: `${count}; ${found} in ${formatWindow(window, zone)}` };
}

function warnings(job: Job, source: Source, ledger: Ledger, { dropped }: Sample): string[] {
  const rangeEnd = ledger.jobs.of(job.name)?.rangeEnd;
  const gaps = ledger.gaps.of(job.name);
  const open = gaps.filter(({ expired }) => !expired).length;
  const since = droppedRows(ledger, job.name).map(({ reason, total }): [string, number] => [reason, total]);
  return [
    ...(source.warnings?.() ?? []),
    ...(rangeEnd ? [`The provider treats the end of a range as ${rangeEnd} (detected).`] : []),
    ...(Object.keys(dropped).length > 0 ? [`Rows dropped by this check: ${formatDropped(dropped)}.`] : []),
    ...(since.length > 0 ? [`Rows dropped so far: ${formatDropped(Object.fromEntries(since))}.`] : []),
    ...(gaps.length > 0
      ? [
          `${open} open ${open === 1 ? 'gap' : 'gaps'}, ${gaps.length - open} expired: run tokentide gaps ${job.name}.`,
        ]
      : []),
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
  const lines = [`${state.padEnd(8)} ${name}: ${detail}`, ...(hint?.split('\n') ?? []), ...warnings];
  return lines.map((text, index) => `${index === 0 ? '' : '          '}${displayText(text)}\n`).join('');
}
