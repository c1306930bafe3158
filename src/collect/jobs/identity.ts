import { createHmac } from 'node:crypto';
import type { Ledger } from '../../ledger/ledger.ts';
import { USAGE } from '../../providers/provider.ts';
import type { Store } from '../../store/store.ts';
import type { Bucket } from '../../windows/window.ts';
import type { Job } from '../job.ts';

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

export function identityOf(job: Job, store: Store): Identity {
  const { provider, account, dataset, bucket, zone, pseudonymKey } = job;
  const users = pseudonymKey
    ? `hashed ${createHmac('sha256', pseudonymKey.reveal()).update('tokentide').digest('hex').slice(0, 12)}`
    : 'plain';
  return { provider: provider.id, account, dataset, bucket, zone, users, store: store.identity };
}

/** The job's settings have changed: collecting would count usage twice or orphan the old points. */
export class JobChanged extends Error {
  override readonly name = 'JobChanged';
  readonly hint: string;

  constructor(job: string, before: Identity, after: Identity) {
    const changes = differences(before, after).map(
      (name) => `${name} was ${before[name]} and is now ${after[name]}`,
    );
    super(`the job "${job}" has changed: ${changes.join(', ')}`);
    this.hint = [
      'Usage would be stored twice, under the old and the new settings. Restore the setting, or run one of:',
      `  tokentide migrate ${job} --keep-old   keep the old points and collect with the new settings from now on`,
      `  tokentide migrate ${job} --drop-old   delete the old points and read everything again from the job's start`,
    ].join('\n');
  }
}

/** Records a new job's identity, or compares it with the recorded one. @throws JobChanged */
export function admitJob(ledger: Ledger, job: Job, store: Store): void {
  const after = identityOf(job, store);
  const before = recordedIdentity(ledger, job.name);
  if (before && differences(before, after).length > 0) throw new JobChanged(job.name, before, after);
  if (!before) {
    ledger.commit(() =>
      ledger.jobs.save(job.name, { identity: JSON.stringify(after), clock: 0, rangeEnd: undefined }),
    );
  }
}

/** What an identity lacks that was recorded before there were datasets. */
const BEFORE_DATASETS = { dataset: USAGE.id };

/** The job's identity when it was first collected or last migrated. */
export function recordedIdentity(ledger: Ledger, job: string): Identity | undefined {
  const row = ledger.jobs.of(job);
  return row && { ...BEFORE_DATASETS, ...(JSON.parse(row.identity) as Identity) };
}

export function differences(before: Identity, after: Identity): (keyof Identity)[] {
  return (Object.keys(after) as (keyof Identity)[]).filter((name) => before[name] !== after[name]);
}
