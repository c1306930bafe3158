import { createHmac } from 'node:crypto';
import type { Ledger } from '../../ledger/ledger.ts';
import { USAGE } from '../../providers/provider.ts';
import type { Bucket } from '../../windows/window.ts';
import type { Job } from '../job.ts';
import { TokentideError } from '../../lib/errors.ts';

/** The settings that identify a job's points. When one changes, new points no longer overwrite the old ones. */
export interface Identity {
  readonly provider: string;
  readonly account: string;
  readonly dataset: string;
  readonly bucket: Bucket;
  readonly zone: string;
  /** `plain`, or a fingerprint of the key that user names are hashed with. */
  readonly users: string;
  readonly store: string;
}

/** What tells one store from another. */
export interface StoreIdentity {
  /** `sqlite:<id>` or `influxdb:<id>`, from an id inside the store; another form while the id is unknown. */
  readonly identity: string;
  /** Texts under which the same store may have been recorded before its id was known. */
  readonly formerIdentities?: readonly string[];
}

export function identityOf(job: Job, store: StoreIdentity): Identity {
  const { provider, account, dataset, bucket, zone, pseudonymKey } = job;
  const users = pseudonymKey
    ? `hashed ${createHmac('sha256', pseudonymKey.reveal()).update('tokentide').digest('hex').slice(0, 12)}`
    : 'plain';
  return { provider: provider.id, account, dataset, bucket, zone, users, store: store.identity };
}

/** The job's settings have changed: collecting would count usage twice or orphan the old points. */
export class JobChanged extends TokentideError {
  override readonly name = 'JobChanged';
  readonly kind = 'job_changed';
  override readonly hint: string;

  constructor(job: string, before: Identity, after: Identity, changed: readonly (keyof Identity)[]) {
    const changes = changed.map((name) => `${name} was ${before[name]} and is now ${after[name]}`);
    super(`the job "${job}" has changed: ${changes.join(', ')}`);
    this.hint = [
      'Usage would be stored twice, under the old and the new settings. Restore the setting, or run one of:',
      `  tokentide migrate ${job} --keep-old   keep the old points and collect with the new settings from now on`,
      `  tokentide migrate ${job} --drop-old   delete the old points and read everything again from the job's start`,
    ].join('\n');
  }
}

/**
 * Compares the job with its recorded identity, and records the identity of a new job or the id of a store that was
 * recorded in an older form. @throws JobChanged
 */
export function admitJob(ledger: Ledger, job: Job, store: StoreIdentity): void {
  const change = jobChange(ledger, job, store);
  if (change) throw change;
  const before = recordedIdentity(ledger, job.name);
  const after = identityOf(job, store);
  if (before && (before.store === after.store || !isId(after.store))) return;
  const row = ledger.jobs.of(job.name) ?? { clock: 0, rangeEnd: undefined };
  ledger.commit(() => ledger.jobs.save(job.name, { ...row, identity: JSON.stringify(after) }));
}

/** What an identity lacks that was recorded before there were datasets. */
const BEFORE_DATASETS = { dataset: USAGE.id };

/** The job's identity when it was first collected or last migrated. */
export function recordedIdentity(ledger: Ledger, job: string): Identity | undefined {
  const row = ledger.jobs.of(job);
  return row && { ...BEFORE_DATASETS, ...(JSON.parse(row.identity) as Identity) };
}

/** How the job differs from its recorded identity; undefined for a new or unchanged job. */
export function jobChange(ledger: Ledger, job: Job, store: StoreIdentity): JobChanged | undefined {
  const before = recordedIdentity(ledger, job.name);
  if (!before) return undefined;
  const after = identityOf(job, store);
  const changed = (Object.keys(after) as (keyof Identity)[]).filter((name) =>
    name === 'store' ? !isSameStore(before.store, store) : before[name] !== after[name],
  );
  return changed.length === 0 ? undefined : new JobChanged(job.name, before, after, changed);
}

/**
 * Whether a recorded store is this one. A store whose id cannot be read now, because its server is down or gives no
 * right to query, is taken for the recorded one.
 */
export function isSameStore(recorded: string, { identity, formerIdentities = [] }: StoreIdentity): boolean {
  if (recorded === identity || formerIdentities.includes(recorded)) return true;
  if (isId(recorded)) return !isId(identity) && kindOf(recorded) === kindOf(identity);
  // Older versions recorded the path of the embedded store, which is always in the folder of the ledger.
  return kindOf(recorded) === 'sqlite' && kindOf(identity) === 'sqlite';
}

function isId(identity: string): boolean {
  return /^[a-z]+:[0-9a-z-]+$/.test(identity);
}

/** Both `influxdb:<id>` and, without an id, `influxdb http://...` or `victoriametrics http://...`. */
function kindOf(identity: string): string | undefined {
  const kind = /^[a-z]+/.exec(identity)?.[0];
  return kind === 'victoriametrics' ? 'influxdb' : kind;
}
