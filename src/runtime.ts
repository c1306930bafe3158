import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { countCall, emptyListing, noCalls, type JobContext } from './collect/context.ts';
import type { CollectEvent } from './collect/events.ts';
import { admitJob } from './collect/jobs/identity.ts';
import type { Job } from './collect/job.ts';
import type { LeaseHolder } from './collect/jobs/lease.ts';
import type { Settings } from './config/settings.ts';
import { createHttp } from './fetch/client.ts';
import { concurrencyLimiters } from './fetch/limits.ts';
import type { CallEvent } from './fetch/options.ts';
import { LedgerError } from './ledger/database.ts';
import { openLedger, type Ledger } from './ledger/ledger.ts';
import type { Source } from './providers/provider.ts';
import { pollInterval } from './schedule/expression.ts';
import { openDeadLetters, type DeadLetters } from './store/dead-letters.ts';
import type { Log } from './store/influxdb/options.ts';
import type { RateLimiter } from './lib/rate-limiter.ts';
import { makeFolder } from './store/sqlite/folder.ts';
import type { Store } from './store/store.ts';
import { refreshAges } from './windows/refresh-schedule.ts';

/** Resources shared by all polls of one process. */
export interface Runtime {
  readonly ledger: Ledger;
  readonly store: Store;
  readonly lease: LeaseHolder;
  /** Connects a job to its provider. @throws JobChanged */
  jobContext(job: Job, store?: Store): JobContext;
  source(job: Job): Source;
  close(): Promise<void>;
}

type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

export interface StoreOptions {
  readonly settings: Settings;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Ledger and store in memory, for a dry run. */
  readonly inMemory?: boolean;
  /** Replaced in tests. */
  readonly sleep?: Sleep;
  /** Log of the store; none by default. */
  readonly log?: Log;
}

export interface RuntimeOptions extends StoreOptions {
  /** Name of this process in leases: `run`, `backfill`. */
  readonly role: string;
  readonly pid: number;
  /** Shared with other processes; the ledger's by default. */
  readonly rateLimiter?: RateLimiter | undefined;
  readonly onEvent?: (event: CollectEvent) => void;
  readonly onCall?: (job: Job, event: CallEvent) => void;
}

const wait: Sleep = (ms, signal) => delay(ms, undefined, signal && { signal });

/** Opens the ledger and the store. @throws LedgerError, StoreError */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { settings, now, sleep = wait } = options;
  const ledger = options.inMemory ? openLedger(':memory:') : openLedgerFile(settings);
  const store = await openStore(options).catch((error: unknown) => {
    ledger.close();
    throw error;
  });
  const seconds = (): number => Math.floor(now() / 1000);
  const limiters = concurrencyLimiters();
  const outage = { until: 0 };

  function source(job: Job, calls = noCalls()): Source {
    const { provider } = job;
    const http = createHttp({
      baseUrl: provider.baseUrl(job.options),
      limit: job.rate,
      rateLimiter: options.rateLimiter ?? ledger.rateLimiter,
      limiters,
      fetch: globalThis.fetch,
      sleep,
      now,
      random: Math.random,
      timeoutMs: Math.max(settings.timeoutMs, provider.timeoutMs ?? 0),
      onCall: (event) => {
        countCall(calls, event.result);
        options.onCall?.(job, event);
      },
    });
    const state = {
      get: (key: string) => ledger.state.get(job.name, key),
      set: (key: string, value: string) => ledger.state.set(job.name, key, value),
    };
    return provider.connect(job.options, { http, dataset: job.dataset, state, now });
  }

  return {
    ledger,
    store,
    lease: { ledger, owner: `${options.role} ${options.pid}`, now: seconds, sleep },
    source: (job) => source(job),
    jobContext: (job, target = store) => {
      admitJob(ledger, job, target);
      const calls = noCalls();
      return {
        job,
        source: source(job, calls),
        calls,
        ages: refreshAges(pollInterval(job.schedule, job.scheduleZone), job.lookback),
        ledger,
        store: target,
        outage,
        listing: emptyListing(),
        observe: options.onEvent ?? (() => undefined),
        spoolLimit: settings.spoolPoints,
        now: seconds,
      };
    },
    close: async () => {
      await store.close();
      ledger.close();
    },
  };
}

/** Opens the ledger without a store, for commands that only report. @throws LedgerError */
export function openLedgerFile({ data }: Settings, open = openLedger): Ledger {
  const path = join(data, 'ledger.sqlite');
  try {
    makeFolder(data);
  } catch (error) {
    throw new LedgerError(
      `cannot open the ledger ${path}: ${(error as Error).message}`,
      'Make the data folder writable for this user, or set TOKENTIDE_DATA to another folder.',
      error,
    );
  }
  return open(path);
}

/** The ledger if there is one, for commands that must not create it. @throws LedgerError */
export function openExistingLedger(settings: Settings): Ledger | undefined {
  return existsSync(join(settings.data, 'ledger.sqlite')) ? openLedgerFile(settings) : undefined;
}

/** Points that the store rejected permanently, with the reasons. */
export function deadLettersOf({ data }: Settings, now: () => number): DeadLetters {
  return openDeadLetters({ path: join(data, 'rejected.jsonl'), now });
}

/** Opens the store named in the settings. @throws StoreError */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { settings, inMemory = false, now, log, sleep = wait } = options;
  const { data, store, timeoutMs } = settings;
  if (inMemory || store.kind === 'sqlite') {
    const { openSqliteStore } = await import('./store/sqlite.ts');
    return openSqliteStore(inMemory ? ':memory:' : join(data, 'usage.sqlite'));
  }
  const { openInfluxStore } = await import('./store/influxdb.ts');
  const deadLetters = deadLettersOf(settings, now);
  const opened = await openInfluxStore({ ...store, deadLetters, now, sleep, timeoutMs, ...(log && { log }) });
  await opened.probe().catch(async (error: unknown) => {
    await opened.close();
    throw error;
  });
  for (const remark of opened.remarks) log?.warn({ store: opened.description }, remark);
  return opened;
}
