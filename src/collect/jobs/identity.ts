import { createHmac } from 'node:crypto';
import type { Ledger } from '../../ledger/ledger.ts';
import { USAGE } from '../../providers/provider.ts';
import type { Store } from '../../store/store.ts';
import type { Bucket } from '../../windows/window.ts';
import type { Job } from '../job.ts';

/** What a job's points are made of. When one of these changes, old and new points no longer replace each other. */
export interface Identity {
  readonly provider: string;
  readonly account: string;
  readonly dataset: string;
  readonly bucket: Bucket;
  readonly zone: string;
  /** Users' names: `plain`, or which key they are hashed with (not the key). */
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

/** A job whose settings would count its usage twice or leave old points orphaned. */
export class JobChanged extends Error {
  override readonly name = 'JobChanged';
  readonly hint: string;

  constructor(job: string, before: Identity, after: Identity) {
    const changes = differences(before, after).map(
      (name) => `${name} was ${before[name]} and is now ${after[name]}`,
    );
    super(`the job "${job}" has changed: ${changes.join(', ')}`);
    this.hint = [
      'Points under the old and the new settings would be counted side by side. Put the setting back, or run one of:',
      `  tokentide migrate ${job} --keep-old   keep the old points, collect under the new settings from now on`,
      `  tokentide migrate ${job} --drop-old   delete the old points, read everything again from the job's start`,
    ].join('\n');
  }
}

/** Lets a job in that is new or unchanged. @throws JobChanged */
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

/** What the job was when it last ran. */
export function recordedIdentity(ledger: Ledger, job: string): Identity | undefined {
  const row = ledger.jobs.of(job);
  return row && { ...BEFORE_DATASETS, ...(JSON.parse(row.identity) as Identity) };
}

export function differences(before: Identity, after: Identity): (keyof Identity)[] {
  return (Object.keys(after) as (keyof Identity)[]).filter((name) => before[name] !== after[name]);
}
