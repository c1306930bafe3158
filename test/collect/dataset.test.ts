import { expect, it } from 'vitest';
import { admitJob, identityOf, JobChanged } from '../../src/collect/jobs/identity.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { fakeVendor } from '../support/fake-provider.ts';
import { jobContextOf } from '../support/job-context.ts';
import { memoryStore } from '../support/memory-store.ts';

const context = (dataset: string) =>
  jobContextOf(fakeVendor(), memoryStore(), { reads: 'series', now: () => 0, start: 0, job: { dataset } });

it('a job that was recorded before there were datasets reads the dataset `usage`', () => {
  const { job, store } = context('usage');
  const ledger = openLedger(':memory:');
  const { dataset: _, ...recorded } = identityOf(job, store);
  ledger.jobs.save(job.name, { identity: JSON.stringify(recorded), clock: 0, rangeEnd: undefined });

  expect(() => admitJob(ledger, job, store)).not.toThrow();
  expect(() => admitJob(ledger, context('costs').job, store)).toThrow(JobChanged);
});
